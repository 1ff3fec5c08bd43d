"""Our own tools in the agent's hands: in a box, under managed settings, and judged like any other call."""

from __future__ import annotations

import asyncio
from pathlib import Path

from adapters.agent import tools
from adapters.agent.runner import Sessions
from adapters.rehearsal import script
from adapters.rehearsal.server import Rehearsal
from core.errors import BadInput
from core.events import ToolCalled, ToolEnded, TurnResult
from core.ids import LoopId, thread_key, turn_id
from core.ports import Leg, ToolAnswer, ToolSpec, ToolUse, Verdict
from tests.contract.agent_rig import ALLOW, Bench, Clock, call, rule
from tests.contract.test_agent_boxed import launcher, relay

SCHEMA = {
    "type": "object",
    "properties": {"words": {"type": "string", "maxLength": 40}},
    "required": ["words"],
    "additionalProperties": False,
}


class Echo:
    """Says what it hears; "no" is refused, "crash" is a mistake of ours."""

    spec = ToolSpec(name="echo", description="Say it again.", schema=SCHEMA)

    def __init__(self) -> None:
        self.uses: list[ToolUse] = []

    async def __call__(self, use: ToolUse) -> ToolAnswer:
        self.uses.append(use)
        words = use.input["words"]
        if words == "no":
            raise BadInput("That word is not for me.", remedy="Say another.")
        if words == "crash":
            raise RuntimeError("a secret of ours")
        return ToolAnswer(text=f"heard {words}")


def echo(words: object) -> str:
    return call("mcp__loop__echo", words=words)


async def test_the_agent_uses_our_tools_from_inside_its_box(home: Path, service_user: str) -> None:
    rules = (
        rule("^go", echo("one"), say="Trying.")
        + rule("^go", echo("no"), after=1)
        + rule("^go", echo("crash"), after=2)
        + rule("^go", echo("x" * 41), after=3)
        + rule("^go", echo("denied"), after=4)
        + '[[rule]]\nwhen.user = "^go"\nwhen.after = 5\nwhen.turn = "(?s)heard one.*(not for me.*Say another).*(could not do this).*"\nsay = "{1} / {2}"\n'
        + rule("", say="something else was seen")
    )
    hand = Echo()
    at = await asyncio.to_thread(launcher, home, service_user)
    async with (
        Rehearsal(script.parse(rules)) as model,
        Sessions(clock=Clock(), hands=[hand], tools=("Bash",)) as sessions,
    ):
        socket = home / "run" / "model.sock"
        async with relay(socket, model.base_url):
            socket.chmod(0o666)
            b = Bench(home=home, model=model, sessions=sessions, launcher=at)
            b.judge = lambda called: (
                Verdict(decision="deny", reason="not this one") if "denied" in called.input else ALLOW
            )
            told = await b.run("go")
    assert isinstance(told[-1], TurnResult)
    assert told[-1].text.startswith("not for me"), told[-1]
    assert "a secret of ours" not in told[-1].text
    # What does not fit the schema, and what was denied, never reaches the hand.
    assert [use.input["words"] for use in hand.uses] == ["one", "no", "crash"]
    assert {(use.loop, use.turn, use.leg) for use in hand.uses} == {(b.loop, told[-1].turn, 1)}
    assert [called.tool for called in b.of(ToolCalled)] == ["mcp__loop__echo"] * 5
    assert [ended.ok for ended in b.of(ToolEnded)] == [True, False, False, False]


async def test_a_flood_of_calls_meets_a_bound() -> None:
    hand, at_work, most = Echo(), 0, 0

    class Slow(Echo):
        async def __call__(self, use: ToolUse) -> ToolAnswer:
            nonlocal at_work, most
            at_work += 1
            most = max(most, at_work)
            await asyncio.sleep(0)
            at_work -= 1
            return await hand(use)

    legs = [_leg(1), _leg(2)]
    door = tools._Door(lambda: legs[0])
    answers = await asyncio.gather(
        *(door.call(Slow(), {"words": str(number)}) for number in range(tools.PER_LEG + 20))
    )
    assert most <= tools.AT_ONCE
    assert len(hand.uses) == tools.PER_LEG
    assert [answer.failed for answer in answers].count(True) == 20
    del legs[0]
    assert (await door.call(Slow(), {"words": "again"})).text == "heard again"


async def test_nothing_is_done_between_two_turns() -> None:
    hand = Echo()
    assert (await tools._Door(lambda: None).call(hand, {"words": "one"})).failed
    assert hand.uses == []


def _leg(number: int) -> Leg:
    loop = LoopId("a" * 32)
    return Leg(
        loop=loop, thread=thread_key("local", "w", "c", "1"), turn=turn_id(loop, 1), number=number, launcher=Path("/x"),
        cwd="/", session="s", resume=False, prompt="p", system="", model="m",
    )  # fmt: skip
