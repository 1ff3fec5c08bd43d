"""/loop as Discord hands it over: what its options are read as."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.chat.discord import slash
from adapters.chat.discord.names import Me
from core import commands, subcommands
from core.errors import BadInput

ME = Me(user="1", application="2")


def chosen(sub: str, **given: object) -> dict[str, Any]:
    """Return a command's data with these options filled in."""
    options = [{"name": name, "type": 3, "value": value} for name, value in given.items()]
    return {"name": "loop", "type": 1, "options": [{"name": sub, "type": 1, "options": options}]}


def parsed(sub: str, **given: object) -> commands.Command:
    return commands.parse(commands.spoken(slash.read(chosen(sub, **given), ME).text) or "")


def test_options_are_what_the_grammar_reads() -> None:
    assert parsed("list", all=True) == commands.Command(word="list", rest="all")
    assert parsed("list", all=False) == commands.Command(word="list")
    assert parsed("decisions", withdraw="d3f") == commands.Command(word="decisions", rest="withdraw d3f")
    assert parsed("decisions") == commands.Command(word="decisions")


@pytest.mark.parametrize("word", [word for word in slash.split(subcommands.WORDS)[0] if word.name != "start"])
@pytest.mark.parametrize("value", ["zzz", "two words", "1,2", "all of it please"])
def test_a_subcommand_that_was_chosen_starts_no_loop(word: subcommands.Word, value: str) -> None:
    given: dict[str, object] = {
        option.name: value
        for option in slash.options_of(word)
        if option.type == slash.STRING and not option.choices
    }
    try:
        spoken = slash.read(chosen(word.name, **given), ME)
    except BadInput:
        return
    assert not spoken.starts


def test_a_word_that_shares_its_subcommand_starts_no_loop_either() -> None:
    assert parsed("more", words="follow a1b2c3") == commands.Command(word="follow", rest="a1b2c3")
    with pytest.raises(BadInput, match="zzzz") as refusal:
        slash.read(chosen("more", words="follow zzzz"), ME)
    assert "/loop follow <loop>" in refusal.value.remedy
    assert slash.read(chosen("more", words="mend the login test"), ME).starts


def test_what_a_subcommand_cannot_take_is_told_with_how_it_is_written() -> None:
    with pytest.raises(BadInput, match="two words") as refusal:
        slash.read(chosen("claim", code="two words"), ME)
    assert "/loop claim" in refusal.value.remedy
    with pytest.raises(BadInput):
        slash.read(chosen("people", role="member"), ME)
