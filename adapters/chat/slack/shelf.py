"""What was posted where, across a restart. Owns: Shelf. Imports: json, the modules beside. Effects: remembers through what it is given.

Pages are put away when the bridge leaves Slack in good order, and count only then: from the moment they are taken out until they are put
away again a mark says that they are out of date, so that after a crash every thread is read anew.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass

from adapters.chat.slack.book import Book, Page
from adapters.chat.slack.errand import Recall, Remember
from adapters.chat.slack.names import Place
from core.errors import Unavailable

log = logging.getLogger(__name__)
THREADS = 500  # the last ones spoken in
PER_ROW = 25
LONGEST = 200  # posts of a thread; a longer one is read again


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """The pages of one workspace's threads."""

    team: str
    remember: Remember | None
    recall: Recall | None

    @property
    def _mark(self) -> str:
        return f"slack:pages:{self.team}"

    async def take(self) -> list[tuple[Place, Page]]:
        """Return what was put away, the last spoken in last; nothing when it may be out of date. It counts no more from here on."""
        if self.remember is None or self.recall is None:
            return []
        rows = await self.recall(self._mark)
        if not rows:
            return []
        await self.remember(self._mark, "")
        found: list[tuple[Place, Page]] = []
        try:
            for number in range(int(rows)):
                told = json.loads(await self.recall(f"{self._mark}:{number}") or "[]")
                found += [self._read(*each) for each in told]
        except (ValueError, TypeError, KeyError, AttributeError):
            log.warning("chat.slack.pages_unreadable", extra={"team": self.team})
            return []
        return found

    async def put_away(self, book: Book) -> None:
        """Keep the pages that are sure; nothing is said after this."""
        if self.remember is None:
            return
        sure = [
            (place, page)
            for place, page in book.pages()
            if place.thread_ts and page.whole and not page.under_way and len(page.parts) <= LONGEST
        ][-THREADS:]
        rows = [sure[at : at + PER_ROW] for at in range(0, len(sure), PER_ROW)]
        try:
            for number, row in enumerate(rows):
                told = [[place.channel, place.root, page.parts, page.files[-LONGEST:]] for place, page in row]
                await self.remember(f"{self._mark}:{number}", json.dumps(told))
            await self.remember(self._mark, str(len(rows)))
        except Unavailable as exc:
            log.warning("chat.slack.pages_not_kept", extra={"why": str(exc)})

    def _read(
        self, channel: str, root: str, parts: dict[str, dict[str, str]], files: list[list[str]]
    ) -> tuple[Place, Page]:
        place = Place(team=self.team, channel=str(channel), root=str(root))
        posts = {
            key: {int(number): str(ts) for number, ts in posted.items()} for key, posted in parts.items()
        }
        return place, Page(parts=posts, files=[(str(ts), str(name)) for ts, name in files])
