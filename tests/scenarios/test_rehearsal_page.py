"""The example of docs/rehearsal.md with the real CLI, and that the page tells of everything a script can say. Owns: nothing."""

from __future__ import annotations

import re
from pathlib import Path

from adapters.rehearsal import script
from tests.scenarios.house import house

PAGE = (Path(__file__).parents[2] / "docs" / "rehearsal.md").read_text(encoding="utf-8")
README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
EXAMPLE = next(block for block in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL) if "[[rule]]" in block)


async def test_the_example_does_what_the_page_says() -> None:
    async with house(EXAMPLE) as home, home.bridge(), home.person() as maya:
        talk = await maya.opens("/loop --repo demo what is in app?")
        answer = await talk.answered("There is `session.py` in app, for one.")
        await talk.sees("Ran `ls app`")
        await talk.says("and otherwise?")
        await talk.answered("Ask me what is in a folder.", after=answer.id)
        missing = await talk.says("what is in nowhere")
        await talk.answered("I could not look.", after=missing)


def test_the_page_names_every_key() -> None:
    named = set(re.findall(r"`([a-z_.]+)(?:…)?`", PAGE))
    wanted = {f"when.{key}" for key in script.WHEN if key != "unless"} | {"when.unless."}
    wanted |= {*script.RULE, *script.ERROR, *script.MODEL} - {"when"}
    assert wanted <= named | {"when"}, wanted - named
    assert "docs/rehearsal.md" in README
