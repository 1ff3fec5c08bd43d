"""`loopbridge export`: one thread or loop as Markdown. Owns: main, written. Imports: adapters.git, core. Effects: reads the journal, writes a file or standard output.

It reads the journal, not the database: it works beside a running bridge and shows what the newest commit holds.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adapters.git.journal import GitJournal
from bridge.clock import SystemClock
from bridge.home import Home
from config.settings import Settings
from core import export, journal, wording
from core.errors import BadInput, Damaged, Unavailable

LEAST = 4


async def main(settings: Settings, what: str, out: Path | None) -> int:
    """Write the page of a thread or a loop to `out`, or to standard output."""
    source = GitJournal(Home(settings.home).layer("journal"), clock=SystemClock())
    page = await written(source, what)
    if out is None:
        sys.stdout.write(page)
        return 0
    try:
        await asyncio.to_thread(out.write_text, page, encoding="utf-8")
    except OSError as exc:
        raise Unavailable(
            f"{out} cannot be written ({exc.strerror}).", remedy="Name another file with --out."
        ) from exc
    return 0


async def written(source: GitJournal, what: str) -> str:
    """Return the page of what is named: a thread's key, a permalink into it, or the beginning of a loop's id. Raises BadInput, Damaged."""
    try:
        return await _page(source, what.strip())
    except (ValueError, KeyError, TypeError, IndexError) as exc:
        raise Damaged(
            "The journal's lines of this are not as they were written.",
            remedy="Look at the journal's newest commits with git log.",
        ) from exc


async def _page(source: GitJournal, what: str) -> str:
    loops = await _loops(source)
    named = [
        file for key, file in loops.items() if len(what) >= LEAST and key.startswith(what.lower().lstrip("#"))
    ]
    if len(named) > 1:
        raise BadInput(f"{len(named)} loops begin with “{what}”.", remedy="Give more of the id.")
    only = str(named[0][0]["loop"]["id"]) if named else ""
    lane = named[0][0]["loop"]["thread"] if named else await _thread(source, what)
    lines = [line async for texts in source.texts(journal.thread_folder(lane)) for line in _parsed(texts)]
    lines.sort(key=lambda line: int(line["seq"]))
    here = named or [file for file in loops.values() if file[0]["loop"]["thread"] == lane]
    here.sort(key=lambda file: int(file[0]["order"]))
    title = f"Loop {only[:6]}: {here[0][0]['loop']['title']}" if only else f"Thread {lane}"
    return export.page(title, lines, here, only=only)


async def _loops(source: GitJournal) -> dict[str, list[dict[str, Any]]]:
    found = {}
    async for texts in source.texts("loops"):
        for path, text in texts.items():
            found[path.removeprefix("loops/").removesuffix(".jsonl")] = _parsed({path: text})
    return found


async def _thread(source: GitJournal, what: str) -> str:
    lane = await source.lane_of(what)
    if lane is None:
        raise BadInput(
            f"The journal knows no thread or loop “{wording.line(what, 100)}”.",
            remedy="Give a thread's key, a permalink into it, or four characters of a loop's id; "
            "what happened in the last minutes may not be journalled yet.",
        )
    return lane


def _parsed(texts: Mapping[str, str]) -> list[dict[str, Any]]:
    return [json.loads(line) for text in texts.values() for line in text.split("\n") if line]
