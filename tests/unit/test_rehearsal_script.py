"""The rehearsal's scripts: which rule answers what, and how a bad script is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.rehearsal import script
from core.errors import BadInput

DEMO = Path(script.__file__).with_name("demo.toml")

Body = dict[str, Any]


def user(words: str) -> Body:
    return {"role": "user", "content": words}


def calls(*given: tuple[str, str, Body]) -> Body:
    blocks = [{"type": "tool_use", "id": at, "name": name, "input": inputs} for at, name, inputs in given]
    return {"role": "assistant", "content": blocks}


def results(*given: tuple[str, str], error: bool = False) -> Body:
    blocks = [
        {"type": "tool_result", "tool_use_id": at, "content": words, "is_error": error} for at, words in given
    ]
    return {"role": "user", "content": blocks}


def body(*messages: Body, **more: object) -> Body:
    return {"model": "m", "max_tokens": 100, "messages": list(messages), **more}


def test_the_first_rule_that_matches_answers_and_echoes_what_it_caught() -> None:
    given = script.parse(
        """
        [[rule]]
        when.user = "(?i)say (?P<what>.+)"
        say = "{what}, {1} and {nothing}"
        tools = [{name = "Bash", input = {command = "echo {1}", deep = ["{what}", 3]}}]
        [[rule]]
        say = "second"
        """
    )
    reply = script.choose(given, body(user("Say hello")))
    assert reply.say == "hello, hello and {nothing}"
    assert reply.tools[0].input == {"command": "echo hello", "deep": ["hello", 3]}
    assert script.choose(given, body(user("other"))).say == "second"


def test_the_programs_own_words_are_not_the_persons() -> None:
    given = script.parse(
        """
        [[rule]]
        when.user = "^(.*)$"
        say = "heard {1}"
        """
    )
    blocks = [
        {"type": "text", "text": "<system-reminder>\nfix it\n</system-reminder>\n"},
        {"type": "text", "text": "hello"},
    ]
    asked = body({"role": "user", "content": blocks}, {"role": "system", "content": "fix it"})
    assert script.choose(given, asked).say == "heard hello"


def test_a_task_is_looked_for_in_its_mark_when_there_is_one() -> None:
    given = script.parse(
        """
        [[rule]]
        when.task = "fix"
        say = "yes"
        """
    )
    assert script.choose(given, body(user("please fix"))).say == "yes"
    assert script.choose(given, body(user("<task>\nfix it\n</task>"))).say == "yes"
    assert "has no rule" in script.choose(given, body(user("fix <task by='x'>sing</task>"))).say


def test_results_calls_and_the_turn_so_far_can_be_matched() -> None:
    given = script.parse(
        r"""
        [[rule]]
        when.called = '^\[call Bash\] \{"command": "ls"\}$'
        when.results = '^\[result Bash\] (\w+)'
        when.after = 1
        when.unless.turn = 'earlier'
        when.tools = ["Bash"]
        say = "saw {1}"
        [[rule]]
        when.results = 'x'
        say = "never without results"
        """
    )
    messages = (
        user("earlier"),
        {"role": "assistant", "content": "earlier"},
        user("now"),
        calls(("a", "Bash", {"command": "ls"})),
        results(("a", "file<system-reminder>x</system-reminder>")),
    )
    offered = [{"name": "Bash", "input_schema": {"type": "object"}}]
    assert script.choose(given, body(*messages, tools=offered)).say == "saw file"
    assert "has no rule" in script.choose(given, body(*messages)).say


def test_a_message_that_no_rule_takes_gets_an_answer_that_says_so() -> None:
    reply = script.choose(script.parse("", name="empty.toml"), body(user("what now?")))
    assert "empty.toml" in reply.say
    assert "what now?" in reply.say
    assert reply.rule is None


def test_times_counts_by_the_conversation_alone() -> None:
    given = script.parse(
        """
        [[rule]]
        when.times = 2
        say = "again"
        [[rule]]
        say = "enough"
        """
    )
    messages = [user("1")]
    said = []
    for _ in range(4):
        reply = script.choose(given, body(*messages))
        said.append(reply.say)
        messages += [{"role": "assistant", "content": reply.say}, user("more")]
    assert said == ["again", "again", "enough", "enough"]
    assert script.choose(given, body(user("1"))).say == "again"


def test_a_fault_stands_aside_after_its_times() -> None:
    given = script.parse(
        """
        [[rule]]
        error = {status = 529, times = 1}
        [[rule]]
        say = "well"
        error = {cut_after = 1, times = 1}
        """
    )
    first = script.choose(given, body(user("1")))
    assert first.fault is not None
    assert first.fault.status == 529
    second = script.choose(given, body(user("1")), failed={1: 1})
    assert second.fault is not None
    assert second.fault.cut_after == 1
    third = script.choose(given, body(user("1")), failed={1: 1, 2: 1})
    assert (third.say, third.fault) == ("well", None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[rule]]\nsya = 'x'", ["rule 1", "`sya`", "`say`"]),
        ("[[rule]]\nsay = 'x'\n[[rule]]\nsay = 'x'\nwhen.usr = 'x'", ["rule 2", "`usr`", "`user`"]),
        ("[[rule]]\nwhen.user = '('\nsay = 'x'", ["rule 1", "`user`", "regular expression"]),
        ("[[rule]]\nsay = 3", ["rule 1", "`say`", "a text"]),
        ("[[rule]]\nwhen.after = -1\nsay = 'x'", ["`after`", "whole number"]),
        ("[[rule]]\nwhen.user = 'x'", ["rule 1", "answers nothing"]),
        ("[[rule]]\ntools = [{input = {}}]", ["rule 1", "entry 1", "`name`"]),
        ("[[rule]]\nerror = {}", ["rule 1", "`error`", "`cut_after`"]),
        ("[[rule]]\nerror = {status = 200}", ["`status`", "400"]),
        ("[[rules]]\nsay = 'x'", ["s.toml", "`rules`", "`rule`"]),
        ("[model]\nnames = [1]", ["[model]", "`names`", "texts"]),
        ("nonsense", ["s.toml", "not valid TOML"]),
        ("[[rule]]\nsay = 'x'\nwhen = 3", ["`when`", "a table"]),
        ("rule = [3]", ["rule 1", "must be a table"]),
    ],
)
def test_a_bad_script_is_refused_with_its_place(text: str, words: list[str]) -> None:
    with pytest.raises(BadInput) as caught:
        script.parse(text, name="s.toml")
    assert all(word in str(caught.value) for word in ["s.toml", *words]), str(caught.value)


def test_a_script_that_cannot_be_read_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        script.load(tmp_path / "none.toml")


BEFORE = "1\tdef is_expired(issued_at, lifetime, now):\n2\t    return now - issued_at > lifetime"
AFTER = BEFORE.replace(">", ">=")


def play(prompt: str, answers: dict[str, tuple[str, bool]]) -> list[str]:
    """Run the demo's script to its final answer; `answers` are (text, error) by a piece of the call."""
    given = script.load(DEMO)
    messages = [user(prompt)]
    told: list[str] = []
    for turn in range(20):
        reply = script.choose(given, body(*messages))
        if not reply.tools:
            return [*told, reply.say]
        ids = [(f"t{turn}_{at}", call) for at, call in enumerate(reply.tools)]
        messages.append(calls(*((at, call.name, dict(call.input)) for at, call in ids)))
        blocks: list[Body] = []
        for at, call in ids:
            line = f"{call.name} {json.dumps(call.input)}"
            told.append(line)
            found = [answer for piece, answer in answers.items() if piece in line]
            words, error = found[0] if found else ("done", False)
            if call.name == "Edit":
                answers["unittest"] = ("Ran 3 tests\n\nOK", False)
            blocks += results((at, words), error=error)["content"]
        messages.append({"role": "user", "content": blocks})
    raise AssertionError(told)


def run(prompt: str, **answers: tuple[str, bool]) -> list[str]:
    usual = {"session.py": (BEFORE, False), "unittest": ("Exit code 1\nFAILED (failures=1)", True)}
    return play(prompt, {**answers, **usual})


def steps(told: list[str]) -> list[str]:
    words = {
        "git status": "status",
        "Read": "read",
        "unittest": "test",
        "regenerate": "fixtures",
        "Edit": "edit",
        "git add": "add",
        "git commit": "commit",
    }
    return [next(word for piece, word in words.items() if piece in line) for line in told[:-1]]


def test_the_demo_goes_from_the_task_to_the_commit() -> None:
    told = run("<thread>Ravi: hm</thread>\n<task>fix the failing test</task>")
    assert steps(told) == ["read", "read", "test", "fixtures", "edit", "test", "add", "commit"]
    assert told[-1].startswith("Fixed: ")
    assert "freshly written fixtures" in told[-1]


def test_the_demo_goes_on_without_a_refused_approval() -> None:
    told = run("fix the failing test", regenerate_fixtures=("Denied by Maya: not now", True))
    assert steps(told)[-3:] == ["test", "add", "commit"]
    assert "not approved" in told[-1]


@pytest.mark.parametrize("already", ["nothing", "fixtures", "edited", "committed"])
def test_the_demo_carries_on_after_an_interruption(already: str) -> None:
    status = {
        "nothing": "(no output)",
        "fixtures": " M tests/fixtures.json",
        "edited": " M app/session.py\n M tests/fixtures.json",
        "committed": "(no output)",
    }[already]
    done = already in {"edited", "committed"}
    answers = {
        "git status": (status, False),
        "session.py": (AFTER if done else BEFORE, False),
        "unittest": ("\n\nOK", False) if done else ("FAILED (failures=1)", True),
    }
    told = play("Your last turn was interrupted. <task>fix the failing test</task>", answers)
    assert (
        steps(told)
        == {
            "nothing": ["status", "read", "test", "fixtures", "edit", "test", "add", "commit"],
            "fixtures": ["status", "read", "edit", "test", "add", "commit"],
            "edited": ["status", "read", "test", "add", "commit"],
            "committed": ["status", "read", "test"],
        }[already]
    )
    assert told[-1].startswith("Fixed: ")


def test_the_demo_says_when_its_edit_or_commit_was_refused() -> None:
    assert run("fix the failing test", old_string=("denied by Maya", True))[-1].startswith("Not fixed")
    assert "not committed" in run("fix the failing test", **{"git commit": ("denied", True)})[-1]


def test_a_person_who_speaks_beside_results_begins_a_turn_and_a_loaded_tool_does_not() -> None:
    given = script.parse(
        """
        [[rule]]
        when.heard = "hurry (.+)"
        say = "heard {1}"
        [[rule]]
        when.results = "(.+)"
        say = "results"
        [[rule]]
        when.after = 0
        when.user = "^(.+)$"
        say = "turn {1}"
        """
    )
    before = (user("go"), calls(("a", "Bash", {})))

    def last(*words: str) -> Body:
        texts = [{"type": "text", "text": each} for each in words]
        return {"role": "user", "content": results(("a", "x"))["content"] + texts}

    heard = {"role": "system", "content": "The user sent a new message:\nhurry up"}
    assert script.choose(given, body(*before, last("Tool loaded."))).say == "results"
    stopped = last("[Request interrupted by user for tool use]\n", "stop that")
    assert script.choose(given, body(*before, stopped)).say == "turn stop that"
    assert script.choose(given, body(*before, last(), heard)).say == "heard up"
    assert script.choose(given, body(user("go"), heard)).say == "turn go"
