"""What people paste after `/loop`, however long, is read at once and taken for what it is."""

from __future__ import annotations

import difflib

import pytest

from core import commands
from core.errors import BadInput
from tests.unit.story import Story

LONG = "x" * 200_000


def test_a_long_word_is_no_misspelt_subcommand() -> None:
    address = "https://git.example.org/team/app/issues/31"
    assert commands.parse(address) == commands.Command(word="start", rest=address)
    assert commands.parse(LONG).rest == LONG


@pytest.mark.parametrize(
    "words", [LONG, f"--{LONG} fix it", f"--repo {LONG} fix it", f"help {LONG}", f"approve {LONG}"]
)
def test_nothing_long_is_compared_letter_by_letter(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = difflib.SequenceMatcher.set_seq2

    def short(self: difflib.SequenceMatcher[str], seq: str) -> None:
        assert len(seq) < 200, "a long text is compared letter by letter"
        real(self, seq)

    monkeypatch.setattr(difflib.SequenceMatcher, "set_seq2", short)
    story = Story()
    story.says("maya", f"/loop {words}")
    assert story.desk.loop is None
    assert story.told()


def test_an_option_is_looked_for_at_the_end_alone() -> None:
    gap = " " * 50_000
    assert commands.parse(f"fix{gap}it --branch dev").options.branch == "dev"
    assert commands.parse(f"fix{gap}it").rest == f"fix{gap}it"


def test_the_nearest_subcommands_are_still_named() -> None:
    with pytest.raises(BadInput, match="There is no `/loop statsu`"):
        commands.parse("statsu")
