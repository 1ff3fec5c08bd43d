"""`loopbridge doctor`. Owns: main, examine, limited, show. Imports: bridge, config, core, rich. Effects: runs every check, prints.

Each check runs under a time limit and apart from the others: what one finds, or how it ends, stops no other.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

from rich.console import Console

from bridge import checks_chats, checks_jobs, checks_outside, checks_state, checks_tools
from config import settings as configuration
from config.errors import ConfigError
from config.settings import Settings
from core.errors import LoopbridgeError
from core.ports import Finding

LIMIT = 60.0  # seconds one check may take
Check = tuple[str, Callable[[], Awaitable[Sequence[Finding]]]]


async def main(environ: Mapping[str, str], *, as_json: bool) -> bool:
    """Examine everything and print it; return whether all is well."""
    found = await examine(environ)
    well = all(finding.ok for finding in found)
    if as_json:
        lines = [
            {"name": one.name, "ok": one.ok, "detail": one.detail, "remedy": one.remedy} for one in found
        ]
        out = Console(soft_wrap=True, highlight=False, markup=False, emoji=False, no_color=True)
        out.print(json.dumps({"ok": well, "findings": lines}, ensure_ascii=False, indent=2))
    else:
        show(found)
    return well


async def examine(environ: Mapping[str, str]) -> list[Finding]:
    """Return what every check finds, in a fixed order."""
    settings, found = await asyncio.to_thread(_settings, environ)
    daemon = await checks_state.daemon(settings)
    checks: tuple[Check, ...] = (
        ("python", checks_tools.python),
        ("git", checks_tools.git),
        ("git-crypt", checks_tools.git_crypt),
        ("sandbox", lambda: checks_tools.sandbox(settings)),
        ("home", lambda: checks_state.home(settings)),
        ("database", lambda: checks_state.database(settings, daemon)),
        ("port", lambda: checks_state.port(settings, daemon)),
        ("policy", lambda: checks_state.policy(settings)),
        ("jobs", lambda: checks_jobs.jobs(settings)),
        ("model", lambda: checks_outside.model(settings)),
        ("repositories", lambda: checks_outside.repositories(settings)),
        ("layers", lambda: checks_outside.layers(settings)),
        ("chats", lambda: checks_chats.chats(settings, daemon)),
    )
    results = await asyncio.gather(*(limited(name, check) for name, check in checks))
    return [*found, *(finding for result in results for finding in result)]


def _settings(environ: Mapping[str, str]) -> tuple[Settings, list[Finding]]:
    """Return the settings and what is to be said of them; with bad ones the checks go on with the defaults."""
    try:
        return configuration.load(None, environ), [
            Finding(name="configuration", ok=True, detail="every setting is valid")
        ]
    except ConfigError as exc:
        remedy = "Mend that line; docs/configuration.md lists every setting."
        lines = [
            Finding(name="configuration", ok=False, detail=str(problem), remedy=remedy)
            for problem in exc.problems
        ]
    home = {key: value for key, value in environ.items() if key == "LOOPBRIDGE_HOME"}
    with suppress(ConfigError):
        return Settings(home=configuration.home_of(home).expanduser().absolute()), lines
    return Settings(home=configuration.home_of({}).expanduser()), lines


async def limited(
    name: str, check: Callable[[], Awaitable[Sequence[Finding]]], *, limit: float = LIMIT
) -> Sequence[Finding]:
    """Run one check for `limit` seconds at most; however it ends, there is a finding."""
    try:
        async with asyncio.timeout(limit):
            return await check()
    except TimeoutError:
        detail, remedy = f"no answer within {limit:.0f} seconds", "Try again when the machine is less busy."
    except LoopbridgeError as exc:
        detail, remedy = str(exc), exc.remedy
    except Exception as exc:  # noqa: BLE001 - a check that breaks is a finding, and stops no other
        detail, remedy = f"the check itself broke: {type(exc).__name__}: {exc}", "Please report this."
    return [Finding(name=name, ok=False, detail=detail, remedy=remedy)]


def show(found: Sequence[Finding]) -> None:
    """Print findings as lines for people."""
    out = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    width = max(len(finding.name) for finding in found)
    for finding in found:
        mark, style = ("✓", "green") if finding.ok else ("✗", "bold red")
        out.print(mark, style=style, end=" ")
        out.print(f"{finding.name:<{width}}  {' '.join(finding.detail.split())}")
        if finding.remedy:
            out.print(f"  {'':<{width}}  → {finding.remedy}", style=None if finding.ok else "bold")
    wrong = sum(not finding.ok for finding in found)
    out.print(
        f"\n{wrong} of {len(found)} {'needs' if wrong == 1 else 'need'} attention."
        if wrong
        else f"\nAll {len(found)} are well."
    )
