"""Lines of the notes that people pin and collect. Owns: Jotting. Imports: core. Effects: writes the notes, emits events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from core import events, focus, layers
from core.effects import Jot
from core.errors import BadInput, Refused, Rejected
from core.ids import note_of
from core.ports import Clock, Emit, Layers, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Jotting:
    """Carries out Jot. `clean` takes known secrets out of a text."""

    store: Store
    layers: Layers
    clock: Clock
    emit: Emit
    clean: Callable[[str], str]
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __call__(self, effect: Jot) -> None:
        """Change the page, once: what is about to be written is noted first. Raises Unavailable."""
        try:
            async with self._one_at_a_time:
                line = await self._write(effect)
        except (BadInput, Refused, Rejected) as exc:
            await self.emit(
                events.NotDone(
                    lane=effect.lane, at=self.clock.now(), author=effect.author, message=effect.message, what=f"{exc}", remedy=exc.remedy,
                    via=effect.via,
                )
            )  # fmt: skip
            return
        await self.emit(
            events.Jotted(
                lane=effect.lane, at=self.clock.now(), what=effect.what, line=line, author=effect.author, message=effect.message,
                via=effect.via,
            )
        )  # fmt: skip

    async def _write(self, effect: Jot) -> str:
        await self.layers.sync(layers.NOTES)
        path = focus.INBOX if effect.what == "inbox" else focus.PAGE
        page = (await self.layers.texts(layers.NOTES, path)).get(path, "")
        begun = await self.store.kept(note_of(effect.key))
        there = focus.items(page)
        if begun is not None and (begun in there) is not (effect.what == "unpin"):
            return begun  # a crash came between the writing and the telling
        after, line = self._after(effect, page, begun)
        await self.store.keep(note_of(effect.key), line)
        subject = {"pin": "focus: pin", "unpin": "focus: unpin", "inbox": "inbox:"}[effect.what]
        await self.layers.write(layers.NOTES, f"{subject} {line[:60]}", {path: after}, by=effect.author.name)
        return line

    def _after(self, effect: Jot, page: str, begun: str | None) -> tuple[str, str]:
        """Return the page as it is to read, and the line in question."""
        if effect.what == "unpin":
            number = focus.items(page).index(begun) + 1 if begun is not None else int(effect.words[:6])
            return focus.unpinned(page, number)
        line = self.clean(effect.words)
        return (
            focus.added(page, line, "Inbox") if effect.what == "inbox" else focus.pinned(page, line)
        ), line
