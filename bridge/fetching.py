"""Files of the chat into a loop's inbox. Owns: Fetching. Imports: core, bridge.folders. Effects: downloads through the chat port."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from bridge.folders import LoopFolder
from core import files, ids, wording
from core.errors import PortError, Unavailable
from core.events import FileRef
from core.loop import Loop
from core.ports import ChatAdapter

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetching:
    """Fetches what is missing. What cannot be had leaves a note under its name, so that the agent knows too."""

    chats: Mapping[str, ChatAdapter]

    async def __call__(self, loop: Loop, folder: LoopFolder) -> tuple[str, ...]:
        """Fetch the loop's files that are not there yet; return a sentence for each that cannot be had."""
        missing = [file for file in loop.files if not (folder.inbox / files.inbox_name(file)).exists()]
        told = await asyncio.gather(*(self._one(loop, folder, file) for file in missing))
        return tuple(words for words in told if words)

    async def _one(self, loop: Loop, folder: LoopFolder, file: FileRef) -> str:
        place = folder.inbox / files.inbox_name(file)
        chat = self.chats.get(ids.platform_of(loop.thread))
        try:
            if chat is None:
                raise Unavailable("the chat is not connected")
            draft = place.with_name(f".{place.name}.new")
            await chat.fetch(file, draft, max_bytes=files.MOST_BYTES)
            await asyncio.to_thread(_show, draft, place)
        except (PortError, OSError) as exc:
            log.warning("file.not_fetched", name=file.name, why=str(exc))
            await asyncio.to_thread(
                folder.write, place, f"This file could not be fetched from the chat: {exc}\n"
            )
            return f"the file {wording.line(file.name, 60)} (it could not be fetched: {exc})"
        return ""


def _show(draft: Path, place: Path) -> None:
    draft.chmod(0o644)
    draft.replace(place)
