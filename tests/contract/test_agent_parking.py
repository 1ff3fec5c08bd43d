"""Calls that wait for people: held open, put away, taken up again."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

from core.events import ToolCalled, ToolEnded, TurnBroke, TurnParked, TurnResult
from core.ports import Verdict
from tests.contract.agent_rig import ALLOW, bash, bench, rule


async def test_a_call_that_waits_long_is_put_away_and_resumed_as_edited(home: Path) -> None:
    rules = rule("^go", bash("touch asked"), say="First.") + rule("", say="carried on")
    async with bench(home, rules) as b:
        b.judge = lambda _: None
        told = await b.run("go", park_after=0.1)
        asked = b.of(ToolCalled)[0]
        end = told[-1]
        assert isinstance(end, TurnParked)
        assert (end.call, end.session) == (asked.call, b.session)
        await b.until_true(lambda: not b.processes())
        assert not b.sessions.answer(b.loop, asked.call, ALLOW)

        b.judge = lambda _: Verdict(decision="allow", updated_input='{"command": "touch edited"}')
        told = await b.run("", resume=True)
        again = b.of(ToolCalled)[1]
        assert (again.call, again.input, again.digest) == (asked.call, asked.input, asked.digest)
        assert (asked.leg, again.leg) == (1, 2)
        assert [event.kind for event in told] == ["turn_started", "tool_called", "tool_ended", "turn_result"]
        assert isinstance(told[-1], TurnResult)
        assert told[-1].text == "carried on"
        assert os.listdir(b.workdir) == ["edited"]


async def test_a_resumed_call_may_wait(home: Path) -> None:
    """The CLI asks for it by the hook, which can put it away again, or by `can_use_tool`, which holds it open."""
    refuse = Verdict(decision="deny", reason="withdrawn")
    rules = rule("^go", bash("touch asked")) + rule("", say="carried on")
    async with bench(home, rules) as b:
        b.judge = lambda _: None
        await b.run("go", park_after=0.1)
        resumed = asyncio.create_task(b.run("", resume=True, park_after=1.0))
        called = await b.until(ToolCalled, 2)
        await asyncio.wait({resumed}, timeout=2.0)
        if resumed.done():
            assert isinstance(b.events[-1], TurnParked)
            b.judge = lambda _: refuse
            await b.run("", resume=True)
        else:
            assert b.sessions.answer(b.loop, called.call, refuse)
            await resumed
        assert isinstance(b.events[-1], TurnResult)
        assert os.listdir(b.workdir) == []


async def test_calls_of_one_message_are_held_open_until_one_is_left(home: Path) -> None:
    rules = rule("^go", bash("echo A >> ran"), bash("echo B >> ran")) + rule("", say="both")
    async with bench(home, rules) as b:
        b.judge = lambda _: None
        running = asyncio.create_task(b.run("go", park_after=0.1))
        first = await b.until(ToolCalled)
        await asyncio.sleep(0.8)
        assert not running.done()
        assert b.sessions.answer(b.loop, first.call, ALLOW)
        told = await running
        end = told[-1]
        second = b.of(ToolCalled)[-1]
        assert isinstance(end, TurnParked)
        assert end.call == second.call != first.call
        b.judge = lambda _: ALLOW
        told = await b.run("", resume=True)
        assert isinstance(told[-1], TurnResult)
        assert (b.workdir / "ran").read_text() == "A\nB\n"
        assert sorted(ended.call for ended in b.of(ToolEnded)) == sorted({first.call, second.call})


async def test_a_new_prompt_to_a_parked_session_gets_its_own_answer(home: Path) -> None:
    rules = (
        rule("^go", bash("touch asked")) + rule("^never mind", say="as you wish") + rule("", say="on my own")
    )
    async with bench(home, rules) as b:
        b.judge = lambda _: None
        await b.run("go", park_after=0.1)
        b.judge = lambda _: Verdict(decision="deny", reason="withdrawn")
        told = await b.run("never mind", resume=True)
        assert isinstance(told[-1], TurnResult)
        assert told[-1].text == "as you wish"
        assert os.listdir(b.workdir) == []
        assert "withdrawn" in json.dumps(b.model.messages()[-1].body["messages"])


async def test_a_session_with_nothing_to_resume_is_not_waited_for(home: Path) -> None:
    async with bench(home, rule("^go", say="hello")) as b:
        await b.run("go")
        b.sessions._silence = 1.0  # a busy machine may take longer than that to say hello
        told = await b.run("", resume=True)
        assert isinstance(told[-1], TurnBroke)
        assert "said nothing" in told[-1].what
        await b.until_true(lambda: not b.processes())
