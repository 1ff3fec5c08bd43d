"""`loopbridge rebuild`: a database out of the journal. Owns: main, rebuild, Rebuilt. Imports: adapters, core, bridge. Effects: writes the database.

The new database is made beside its place and put there once it is whole: a rebuild that ends early leaves nothing but a file to delete.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from adapters.git.journal import GitJournal
from adapters.store import opening
from adapters.store.store import SqlStore
from bridge import origins
from bridge.clock import SystemClock
from bridge.home import Home
from config.settings import Settings
from core import journal
from core.errors import BadInput, Damaged, Refused
from core.ports import Clock

BESIDES = ("-wal", "-shm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What came back. `verified`: the graph is the one whose digest the journal holds (None: it holds none for its newest line)."""

    lines: int
    loops: int
    members: int
    graph: str
    masked: int
    verified: bool | None

    def __str__(self) -> str:
        said = [f"{self.lines:,} lines, {self.loops:,} loops, {self.members:,} members are back."]
        if self.verified:
            said.append(f"The graph is the one that was journalled (digest {self.graph[:16]}).")
        elif self.masked:
            said.append(
                f"Secrets had been taken out of {self.masked:,} lines, so the graph can't be held against its digest."
            )
        else:
            said.append(
                f"The journal holds no digest for its newest line; this graph's is {self.graph[:16]}."
            )
        return "\n".join(said)


async def main(settings: Settings) -> int:
    """Rebuild the home's database and print what came back."""
    home = Home(settings.home)
    clock = SystemClock()
    url = settings.database.url.get_secret_value() or home.database_url
    source = GitJournal(
        home.layer("journal"), clock=clock, remote=settings.journal.remote, grants=origins.grants(settings)
    )
    rebuilt = await rebuild(url, source, clock=clock, loops=home.loops)
    sys.stdout.write(
        f"{rebuilt}\nWhat was asked or running is over; write `/loop retry` in a loop's thread to go on.\n"
    )
    return 0


async def rebuild(url: str, source: GitJournal, *, clock: Clock, loops: Path) -> Rebuilt:
    """Make the database at `url` from the journal. `loops` holds the loops' folders, as far as they are still there.

    Raises Refused when the database holds anything or a bridge has it open, BadInput for a journal without a line, Damaged when the
    journal is not whole or tells another graph than it says.
    """
    place = opening.path_of(url)
    fresh = place.with_name(place.name + ".rebuilding")
    async with SqlStore(url, clock=clock) as old:
        if not await old.ledger.empty():
            raise Refused(
                f"The database {place} is not empty; it was left as it is.",
                remedy=f"If it is to be replaced, stop the bridge, move it away (mv {place} {place}.old) and run this again.",
            )
        await source.adopt()
        tip = await source.tip()
        if not tip.seq:
            raise BadInput(
                "The journal holds no line, so there is nothing to rebuild from.",
                remedy="Put a copy of the journal into context/journal.git, or name its remote (journal.remote).",
            )
        await asyncio.to_thread(_clear, fresh)
        standing = await asyncio.to_thread(_standing, loops)
        async with SqlStore(f"sqlite:///{fresh}", clock=clock, reserve_bytes=0) as new:
            rebuilt = await _fill(new, source, tip, standing)
    await asyncio.to_thread(_put, fresh, place)
    return rebuilt


async def _fill(new: SqlStore, source: GitJournal, tip: journal.Tip, standing: frozenset[str]) -> Rebuilt:
    async for texts in source.texts("threads"):
        await new.ledger.stage(_entries(texts))
    found = await new.ledger.staged()
    if found != tip.lines:
        raise Damaged(
            f"The journal should hold {tip.lines:,} lines and holds {found:,}. No database was made.",
            remedy="Look at its newest commits with git log, and go back to one that is whole.",
        )
    while await new.ledger.replay():
        pass
    files = [text async for texts in source.texts("loops") for text in texts.values()]
    people = [text async for texts in source.texts(journal.PEOPLE) for text in texts.values()]
    loops, members = await new.ledger.finish(tip.seq, loops=files, people="".join(people), standing=standing)
    graph = await new.digest()
    comparable = bool(tip.graph) and not tip.masked
    if comparable and graph != tip.graph:
        raise Damaged(
            f"The journal tells another graph ({graph[:16]}) than the one whose digest it holds ({tip.graph[:16]}). No database was made.",
            remedy="Its lines were changed by hand: look at its newest commits with git log, and go back to one that is whole.",
        )
    return Rebuilt(
        lines=found,
        loops=loops,
        members=members,
        graph=graph,
        masked=tip.masked,
        verified=True if comparable else None,
    )


def _entries(texts: Mapping[str, str]) -> list[journal.Entry]:
    found = []
    for path, text in texts.items():
        for number, line in enumerate(text.split("\n"), start=1):
            if not line:
                continue
            try:
                found.append(journal.entry(line))
            except (ValueError, KeyError, TypeError) as exc:
                raise Damaged(
                    f"Line {number} of {path} in the journal cannot be read. No database was made.",
                    remedy="Look at the journal's newest commits with git log, and go back to one that is whole.",
                ) from exc
    return found


def _standing(loops: Path) -> frozenset[str]:
    return frozenset(path.parent.name for path in loops.glob("*/lock.json"))


def _clear(fresh: Path) -> None:
    for path in fresh.parent.glob(f"{fresh.name}*"):
        path.unlink()


def _put(fresh: Path, place: Path) -> None:
    for suffix in BESIDES:
        place.with_name(place.name + suffix).unlink(missing_ok=True)
    fresh.replace(place)
    _clear(fresh)
