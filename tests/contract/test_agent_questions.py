"""What the CLI makes of answers and of plans, in a real box: the rules rely on it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from adapters.agent.runner import Sessions
from adapters.rehearsal import script
from adapters.rehearsal.server import Rehearsal
from core import planning, policy, questions
from core.events import ToolCalled, TurnParked, TurnResult
from core.ports import Verdict
from tests.contract.agent_rig import ALLOW, Bench, Clock, bench, call, rule
from tests.contract.test_agent_boxed import launcher, relay

ASKED = [
    {
        "question": "Which colour?",
        "header": "Colour",
        "options": [{"label": "Red", "description": "warm"}, {"label": "Blue", "description": "cold"}],
        "multiSelect": False,
    }
]
TOOL = "AskUserQuestion"
PLAN = "1. make a cake"
WROTE = "when.system = '(?P<plan>/\\S+/plans/\\S+\\.md)'"


@pytest.mark.parametrize("park_after", [30.0, 0.3], ids=["held", "put away"])
async def test_an_answer_is_what_the_model_reads(home: Path, park_after: float) -> None:
    rules = rule("^go", call(TOOL, questions=ASKED)) + rule("", say="thanks")
    async with bench(home, rules) as b:

        def judge(called: ToolCalled) -> Verdict | None:
            assert [question.text for question in questions.read(called.input)] == ["Which colour?"]
            if park_after < 1 and len(b.of(ToolCalled)) == 1:
                return None
            given = {**json.loads(called.input), "answers": {"Which colour?": "neither, take green"}}
            return Verdict(decision="allow", updated_input=json.dumps(given))

        b.judge = judge
        told = await b.run("go", park_after=park_after)
        if park_after < 1:
            assert isinstance(told[-1], TurnParked)
            told = await b.run("", resume=True)
        assert isinstance(told[-1], TurnResult)
        said = json.dumps(b.model.messages()[-1].body["messages"])
        assert "neither, take green" in said


async def test_a_plan_comes_with_its_call_and_its_yes_ends_the_planning(
    home: Path, service_user: str
) -> None:
    rules = (
        rule("^go", call("Write", file_path="{plan}", content=PLAN), more=WROTE)
        + rule("^go", call(planning.TOOL), after=1)
        + rule("", say="done")
    )
    at = await asyncio.to_thread(launcher, home, service_user)
    async with Rehearsal(script.parse(rules)) as model, Sessions(clock=Clock()) as sessions:
        socket = home / "run" / "model.sock"
        async with relay(socket, model.base_url):
            socket.chmod(0o666)
            b = Bench(home=home, model=model, sessions=sessions, launcher=at)
            b.judge = lambda called: None if called.tool == planning.TOOL else ALLOW
            told = await b.run("go", plan=True, park_after=0.5)
            assert isinstance(told[-1], TurnParked)
            written, handed_in = b.of(ToolCalled)
            assert policy.is_plan(policy.Policy(), written.input)
            assert planning.plan_of(handed_in.input) == PLAN
            b.judge = lambda _: ALLOW
            told = await b.run("", resume=True, plan=True)
            assert isinstance(told[-1], TurnResult)
            assert [called.call for called in b.of(ToolCalled)[2:]] == [handed_in.call]
            assert "Exited Plan Mode" in json.dumps(model.messages()[-1].body["messages"])
