"""The database's side of the journal. Owns: Ledger. Imports: core, adapters.store. Effects: reads and writes through the store's threads."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

from adapters.store import baseline, forgetting, journal, scopes
from adapters.store.worker import Worker
from core import forget, ids
from core.journal import Batch, Entry
from core.proposals import Proposal

MOST_LINES = 2000


class Ledger:
    """What is to be journalled, and how a database is told again from a journal. Raises what the store raises."""

    def __init__(self, reader: Worker, writer: Worker, *, people_changed: Callable[[], None]) -> None:
        self._reader = reader
        self._writer = writer
        self._people_changed = people_changed

    async def batch(self, limit: int = MOST_LINES) -> Batch:
        """Return the next lines, with the files of what changed as it is now."""
        return await self._reader.do(partial(journal.batch, limit))

    async def written(self, upto: int) -> None:
        """Let go of the lines up to `upto`: a commit holds them."""
        await self._writer.do(partial(journal.written, upto))

    async def lift(self, past: int) -> None:
        """Number what waits anew, beginning after `past`: the journal went on without this database."""
        await self._writer.do(partial(journal.lift, past))

    async def baseline(self, past: int) -> int:
        """Lay everything out as lines behind `past`, for a journal that ends there and should not; return how many there are."""
        return await self._writer.do(partial(baseline.baseline, past))

    async def digest(self, upto: int, *, most: int) -> str:
        """Return the graph's digest if the lines up to `upto` tell all of it and it has `most` nodes at most, else an empty text."""
        return await self._reader.do(partial(journal.digest, upto, most))

    # ── back ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def empty(self) -> bool:
        """Say whether nothing has happened in this database."""
        return await self._reader.do(journal.empty)

    async def stage(self, entries: Sequence[Entry]) -> None:
        """Lay lines ready to be replayed; any order will do."""
        await self._writer.do(partial(journal.stage, tuple(entries)))

    async def staged(self) -> int:
        """Return how many lines lie ready."""
        return await self._reader.do(journal.staged)

    async def replay(self, limit: int = MOST_LINES) -> int:
        """Take the next lines in their order; return how many there were, 0 at the end. Raises Damaged."""
        return await self._writer.do(partial(journal.replay, limit))

    async def finish(
        self, seq: int, *, loops: Sequence[str], people: str, standing: Collection[str]
    ) -> tuple[int, int]:
        """Write loops and people from their files; return how many. `standing`: loops whose folders are here. Raises Damaged."""
        return await self._writer.do(partial(journal.finish, seq, tuple(loops), people, frozenset(standing)))

    # ── forgetting ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def busy(self) -> int:
        """Return how many events wait to be handled."""
        return await self._reader.do(scopes.busy)

    async def person(
        self, people: Mapping[str, str], *, members: Sequence[str], names: Sequence[str], at: str
    ) -> forget.Scope:
        """Return what is to be forgotten of a person: accounts with what their nodes are called afterwards, members, names."""
        return await self._reader.do(
            partial(scopes.of_person, dict(people), tuple(members), tuple(names), at)
        )

    async def thread(self, thread: str, *, at: str) -> forget.Scope:
        """Return what is to be forgotten of a thread."""
        return await self._reader.do(partial(scopes.of_thread, thread, at))

    async def outside(self, scope: forget.Scope) -> tuple[Sequence[str], Sequence[str]]:
        """Return the commits of the scope's loops, and the nodes that were distilled from it."""
        return await self._reader.do(partial(scopes.pages, scope))

    async def drafts(self, scope: forget.Scope) -> Sequence[Proposal]:
        """Return the proposals nobody merged that go with the scope, or that rest on it."""
        return await self._reader.do(partial(scopes.drafts, scope))

    async def rehearsed(self, scope: forget.Scope) -> tuple[Mapping[ids.LoopId, str], str]:
        """Return every loop's file, and everybody's, as they will be once a scope is purged; nothing is changed."""
        return await self._writer.do(partial(forgetting.rehearsed, scope))

    async def purge(self, scope: forget.Scope) -> None:
        """Take everything of a scope out of the database."""
        await self._writer.do(partial(forgetting.purge, scope), self._people_changed)
