"""Legs on the real CLI: what is said, called, judged and answered, and which process takes which leg."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from core.events import AgentSaid, ToolCalled, ToolEnded, TurnBroke, TurnQueued, TurnResult, TurnStarted
from core.ports import Verdict
from tests.contract.agent_rig import ALLOW, bash, bench, call, rule


async def test_a_leg_tells_what_happens_in_order(home: Path) -> None:
    work = f"{home}/workdir"
    rules = (
        rule("^go", call("Write", file_path=f"{work}/a.txt", content="one\ntwo\n"), say="Writing first.")
        + rule("^go", call("Edit", file_path=f"{work}/a.txt", old_string="two", new_string="2\n3"), after=1)
        + rule("^go", bash("exit 3", description="Fail on purpose"), after=2)
        + rule("^go", say="All done.", after=3)
    )
    async with bench(home, rules) as b:
        told = await b.run("go @/etc/passwd")
        kinds = [event.kind for event in told]
        assert kinds == [
            "turn_started", "agent_said",
            "tool_called", "tool_ended", "tool_called", "tool_ended", "tool_called", "tool_ended",
            "turn_result",
        ]  # fmt: skip
        assert b.of(AgentSaid)[0].text == "Writing first."
        assert [(ended.ok, ended.note) for ended in b.of(ToolEnded)] == [
            (True, "2 lines"),
            (True, "+2 −1"),
            (False, "exit code 3"),
        ]
        assert [called.why for called in b.of(ToolCalled)] == ["Writing first.", "", "Fail on purpose"]
        end = told[-1]
        assert isinstance(end, TurnResult)
        assert (end.text, end.error, end.session) == ("All done.", "", b.session)
        assert (b.workdir / "a.txt").read_text() == "one\n2\n3\n"
        spoken = json.dumps(b.model.messages()[0].body["messages"])
        assert "go @/etc/passwd" in spoken
        assert "root:x:0" not in spoken


async def test_verdicts_are_carried_out(home: Path) -> None:
    rules = (
        rule("^go", bash("touch refused"))
        + rule("^go", bash("touch asked"), after=1)
        + rule("^go", say="done", after=2)
    )

    def judge(called: ToolCalled) -> Verdict:
        if "refused" in called.input:
            return Verdict(decision="deny", reason="not that one")
        return Verdict(decision="allow", updated_input='{"command": "touch edited"}')

    async with bench(home, rules) as b:
        b.judge = judge
        await b.run("go")
        assert os.listdir(b.workdir) == ["edited"]
        assert [ended.ok for ended in b.of(ToolEnded)] == [True]
        assert "not that one" in json.dumps(b.model.messages()[1].body["messages"])


async def test_the_process_is_kept_for_the_next_leg_and_replaced_when_it_died(home: Path) -> None:
    rules = "".join(rule(f"^{word}", say=f"{word} heard") for word in ("one", "two", "three"))
    async with bench(home, rules) as b:
        await b.run("one")
        [first] = b.agents()
        await b.run("two", resume=True)
        assert b.agents() == [first]
        os.kill(first, signal.SIGKILL)
        await b.until_true(lambda: not b.processes())
        told = await b.run("three", resume=True)
        assert isinstance(told[-1], TurnResult)
        assert told[-1].text == "three heard"
        spoken = json.dumps(b.model.messages()[-1].body["messages"])
        assert "one heard" in spoken
        assert "two heard" in spoken
    assert b.processes() == []


async def test_a_process_that_died_unnoticed_is_replaced(home: Path) -> None:
    rules = "".join(rule(f"^{word}", say=f"{word} heard") for word in ("one", "two"))
    async with bench(home, rules) as b:
        await b.run("one")
        [first] = b.agents()
        os.kill(first, signal.SIGKILL)
        told = await b.run("two", resume=True)
        assert isinstance(told[-1], TurnResult | TurnBroke)
        if isinstance(told[-1], TurnResult):
            assert told[-1].text == "two heard"


async def test_a_warm_process_takes_the_first_leg(home: Path) -> None:
    async with bench(home, rule("^go", say="warm")) as b:
        leg = b.leg("go")
        await b.sessions.prewarm(leg)
        [warm] = b.agents()
        await b.sessions.run(leg, b.emit)
        assert b.agents() == [warm]
        assert [event.kind for event in b.events] == ["turn_started", "turn_result"]


async def test_idle_processes_are_ended(home: Path) -> None:
    async with bench(home, rule("^go", say="warm"), idle_after=0.05) as b:
        await b.run("go")
        await b.until_true(lambda: not b.processes())


async def test_who_has_to_wait_is_told_so_and_comes_in_order(home: Path) -> None:
    async with bench(home, rule("^go", say="warm"), starts=1, max_idle=1) as b:
        legs = [b.leg("go"), b.leg("go")]
        other = "0" * 32
        legs[1] = type(legs[1])(
            **{name: getattr(legs[1], name) for name in legs[1].__slots__}
            | {"loop": other, "session": "00000000-0000-4000-8000-000000000000"}
        )
        async with asyncio.TaskGroup() as tasks:
            for leg in legs:
                tasks.create_task(b.sessions.run(leg, b.emit))
        assert [(event.loop, event.ahead) for event in b.of(TurnQueued)] == [(other, 1)]
        assert len(b.of(TurnResult)) == 2
        await b.until_true(lambda: len(b.agents()) == 1)


async def test_leaving_in_the_middle_of_a_turn_leaves_no_process(home: Path) -> None:
    rules = rule("^go", bash(f"{sys.executable} -c 'import time; time.sleep(60)'"))
    async with bench(home, rules) as b:
        running = asyncio.create_task(b.run("go"))
        await b.until(ToolCalled)
    told = await running
    assert isinstance(told[-1], TurnBroke)
    assert b.processes() == []


async def test_a_cancelled_leg_leaves_no_process(home: Path) -> None:
    async with bench(home, rule("^go", bash("touch never"))) as b:
        b.judge = lambda _: None
        running = asyncio.create_task(b.run("go"))
        await b.until(ToolCalled)
        running.cancel()
        await asyncio.wait({running})
        assert running.cancelled()
        await b.until_true(lambda: not b.processes())
        assert not b.sessions.answer(b.loop, b.of(ToolCalled)[0].call, ALLOW)
        assert [event.kind for event in b.events] == ["turn_started", "tool_called"]
        assert b.of(TurnStarted)[0].session == b.session


async def test_a_loop_that_is_closed_as_its_process_starts_has_none(home: Path) -> None:
    async with bench(home, rule("^go", bash("true"))) as b:
        warming = asyncio.create_task(b.sessions.prewarm(b.leg("go")))
        await b.until_true(lambda: bool(b.processes()))
        await b.sessions.close(b.loop)
        await warming
        assert b.processes() == []
