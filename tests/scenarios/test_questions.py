"""Questions and plans in a thread. Owns: that people's answers reach the agent, whatever became of its process meanwhile."""

from __future__ import annotations

import pytest

from tests.scenarios.house import house, until

ASKS = """
[[rule]]
when.after = 0
when.user = 'answered:\\n((?:- .*\\n?)+)'
say = "I heard after all: {1}"
[[rule]]
when.unless.everything = '(?:result|error) AskUserQuestion'
say = "I need to know something."
[[rule.tools]]
name = "AskUserQuestion"
[[rule.tools.input.questions]]
question = "Which colour?"
header = "Colour"
multiSelect = false
options = [{ label = "Red", description = "warm" }, { label = "Blue", description = "cold" }]
[[rule.tools.input.questions]]
question = "Which sizes?"
header = "Sizes"
multiSelect = true
options = [{ label = "S", description = "small" }, { label = "M", description = "medium" }, { label = "L", description = "large" }]
[[rule]]
when.everything = '(?s).*\\n(\\[(?:result|error) AskUserQuestion\\] .*)'
say = "Done: {1}"
"""
PLANS = """
[[rule]]
when.unless.everything = 'workdir/early'
when.system = '(?P<plan>/\\S+/plans/\\S+\\.md)'
say = "I look, then I plan."
tools = [
  { name = "Write", input = { file_path = "/loop/workdir/early", content = "too early" } },
  { name = "Write", input = { file_path = "{plan}", content = "1. make a cake\\n2. eat it\\n" } },
]
[[rule]]
when.unless.everything = 'ExitPlanMode'
tools = [{ name = "ExitPlanMode", input = {} }]
[[rule]]
when.everything = '(?s)wants changes to the plan: ([^\\n]+)'
when.unless.everything = '(?s)2. share it'
when.system = '(?P<plan>/\\S+/plans/\\S+\\.md)'
tools = [{ name = "Write", input = { file_path = "{plan}", content = "1. make a cake\\n2. share it\\n" } }]
[[rule]]
when.everything = '(?s)2. share it'
when.unless.everything = '(?s)approved your plan'
tools = [{ name = "ExitPlanMode", input = {} }]
[[rule]]
when.everything = '(?s)approved your plan'
when.unless.everything = 'workdir/late'
tools = [{ name = "Write", input = { file_path = "/loop/workdir/late", content = "as planned" } }]
[[rule]]
say = "The cake is made."
"""
PARKS = '[asks]\npark_after = "1s"\n'


@pytest.mark.parametrize("config", ["", PARKS], ids=["held", "put away"])
async def test_questions_are_answered_by_a_button_and_by_a_reply(config: str) -> None:
    async with house(ASKS, config=config) as home, home.bridge(), home.person() as maya:
        talk = await maya.opens("/loop paint it")
        first = await talk.sees("Which colour?")
        assert "• Blue: cold" in talk.text(first)
        if config:
            await until(lambda: not home.boxed(), every=0.1)
        await talk.presses(first, "Blue")
        await talk.sees("✓ answered by Maya")
        second = await talk.sees("question 2 of 2")
        assert "1. S: small" in talk.text(second)
        await talk.says("1,3")
        answer = await talk.answered("Done")
        assert '"Which colour?"="Blue", "Which sizes?"="S, L"' in talk.text(answer)
        await talk.stands("Which colour? — Blue")
        await talk.stands("Which sizes? — S, L")
        await talk.stands("question 1 of 2", 0)  # it was not asked twice


@pytest.mark.slow
async def test_an_answer_given_after_a_crash_reaches_the_agent_once() -> None:
    async with house(ASKS) as home, home.daemon() as daemon, home.person() as maya:
        talk = await maya.opens("/loop paint it")
        first = await talk.sees("Which colour?")
        await daemon.kill()
        await daemon.start()
        await talk.sees("still waits")
        await talk.presses(first, "Red")
        await talk.sees("question 2 of 2")
        await talk.says("M, but only if there is cloth")
        answer = talk.text(await talk.answered("I heard after all"))
        assert "Which colour? Red" in answer
        assert "Which sizes? M, but only if there is cloth" in answer
        assert talk.count("I heard") == 1


async def test_a_plan_is_changed_approved_and_gone_by() -> None:
    async with house(PLANS, config=PARKS) as home, home.bridge(), home.person() as maya:
        talk = await maya.opens("/loop --plan --repo demo bake")
        plan = await talk.sees("2. eat it")
        assert "Shall I go by it?" in talk.text(plan)
        workdir = home.folder() / "workdir"
        assert not (workdir / "early").exists()
        await until(lambda: not home.boxed(), every=0.1)
        await talk.presses(plan, "Change…", "share it")
        await talk.sees("✗ changes to the plan wanted by Maya")
        again = await talk.sees("2. share it")
        await until(lambda: not home.boxed(), every=0.1)
        await talk.presses(again, "Approve")
        await talk.answered("The cake is made.")
        assert (workdir / "late").read_text() == "as planned"
        assert not (workdir / "early").exists()
        await talk.stands("✓ plan approved by Maya")
