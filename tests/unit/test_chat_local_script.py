"""The line language of chat scripts, and its document."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from adapters.chat.local import script
from core.errors import BadInput

DOCUMENT = Path(__file__).parents[2] / "docs" / "chat-script.md"


def test_each_form_is_understood() -> None:
    steps = script.parse(
        '@user ci "CI bot" bot\n# a remark\n\nMaya: hello: there\n  and more\n@new alerts\n@open "^hello"\n'
        'maya presses "Deny…" on "pip" with "say \\"no\\"" within 1.5s\nmaya edits "a" to "b"\n'
        'maya deletes "b"\nmaya reacts "👀" to "c"\nwait for card "x\\.y" within 3 s\nwait for "z"\n'
        'expect "p"\nexpect not "q"\nsleep 0.2\nshow\n',
        name="t",
    )
    kinds = [type(step).__name__ for step in steps]
    assert kinds == [
        *("Person", "Say", "Fresh", "Turn", "Press", "Change", "Remove", "React"),
        *("Wait", "Wait", "Expect", "Expect", "Sleep", "Show"),
    ]
    assert steps[1] == script.Say(place="t:4", user="Maya", text="hello: there\nand more")
    press, wait = steps[4], steps[8]
    assert isinstance(press, script.Press)
    assert (press.label, press.text, press.within) == ("Deny…", 'say "no"', 1.5)
    assert press.pattern == re.compile("pip", re.MULTILINE)
    assert isinstance(wait, script.Wait)
    assert (wait.card, wait.pattern.pattern, wait.within) == (True, "x\\.y", 3.0)


@pytest.mark.parametrize(
    "line", ["nonsense", 'wait for "x', "sleep soon", "@new Über", "maya presses Allow", ": x"]
)
def test_what_is_no_step_names_file_and_line(line: str) -> None:
    with pytest.raises(BadInput, match=r"^demo\.chat:2: ") as caught:
        script.parse(f"show\n{line}\n", name="demo.chat")
    assert "docs/chat-script.md" in caught.value.remedy


def test_a_broken_pattern_names_file_and_line() -> None:
    with pytest.raises(BadInput, match=r"^s:1: '\(' is no regular expression"):
        script.parse('expect "("', name="s")


def test_the_document_is_a_script_that_parses() -> None:
    document = DOCUMENT.read_text()
    example = document.split("```text\n", 1)[1].split("```", 1)[0]
    assert len(script.parse(example)) == 12
    for word in (
        "presses",
        "edits",
        "deletes",
        "reacts",
        "wait for card",
        "expect not",
        "sleep",
        "show",
        "@new",
        "@open",
        "@user",
    ):
        assert f"`{word}" in document or f"name {word}" in document or f" {word} " in document, word
