"""`loopbridge init`. Owns: show. Imports: rich, bridge, config. Effects: makes the home, prints."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table

from bridge import rules
from bridge.home import Home, Step, prepare
from config.settings import Settings

NAME = "loopbridge"


def show(settings: Settings) -> None:
    """Make what is missing of the home; print what is there now and what to do next.

    Raises as `prepare` does, and ConfigError when a rules file that is there cannot be used.
    """
    home = Home(settings.home)
    steps = prepare(home)
    rules.load(home.policy)
    out = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    out.print(_table(steps))
    made = sum(step.state == "made" for step in steps)
    out.print(f"\n{made} made, {len(steps) - made} were there already. Next:\n")
    for number, line in enumerate(_next(settings, home), 1):
        out.print(f"  {number}. {line}")


def _table(steps: Sequence[Step]) -> Table:
    table = Table.grid(padding=(0, 2))
    for step in steps:
        mark, style = ("+", "green") if step.state == "made" else ("✓", "dim")
        table.add_row(mark, step.path, step.purpose, style=style)
    return table


def _next(settings: Settings, home: Home) -> Iterator[str]:
    program = NAME if shutil.which(NAME) else sys.argv[0]
    if settings.model.lacks_key:
        yield f'give the model\'s key: put it into {home.keys}/model, and api_key_file = "keys/model" under [model] in {home.config}'
    if not settings.repos:
        yield f"name a repository: [repos.NAME] with its url in {home.config}"
    yield f"see that everything works:  {program} doctor"
    yield f"talk to it:                 {program} chat   and write  /loop --repo NAME what is to be done"
    if not (settings.slack.wanted or settings.matrix.wanted or settings.discord.wanted):
        yield f"bring it into your chat:    {program} init slack  (or matrix, or discord)"
    yield f"keep it running for others: {program} run"
