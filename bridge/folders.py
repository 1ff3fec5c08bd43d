"""A loop's folder: the whole description of its sandbox. Owns: LoopFolder. Imports: core.ids. Effects: makes folders, writes files.

lock.json · capsule/ · context/{knowledge,notes,personal} · workdir/ · home/ · inbox/ · outbox/ · launch · model.sock · egress.sock
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from core.ids import LoopId

BRIDGE_ONLY, READABLE = 0o700, 0o755
LAYERS = ("knowledge", "notes", "personal")
AGENTS = ("workdir", "home", "outbox", *(f"context/{layer}" for layer in LAYERS))  # what the box may write
GIVEN = ("capsule", "inbox")  # what the box may read


@dataclass(frozen=True, slots=True)
class LoopFolder:
    """The places in `loops/<id>`. The folder itself belongs to the bridge: a box sees what is bound out of it, never the whole."""

    root: Path

    @classmethod
    def of(cls, loops: Path, loop: LoopId) -> LoopFolder:
        """Return the folder of a loop under the home's `loops`."""
        return cls(loops / loop)

    @property
    def workdir(self) -> Path:
        return self.root / "workdir"

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def inbox(self) -> Path:
        return self.root / "inbox"

    @property
    def outbox(self) -> Path:
        return self.root / "outbox"

    @property
    def capsule(self) -> Path:
        return self.root / "capsule"

    @property
    def context(self) -> Path:
        return self.root / "context"

    @property
    def thread(self) -> Path:
        return self.capsule / "thread.xml"

    @property
    def lock(self) -> Path:
        return self.root / "lock.json"

    @property
    def launcher(self) -> Path:
        return self.root / "launch"

    @property
    def model_socket(self) -> Path:
        return self.root / "model.sock"

    @property
    def egress_socket(self) -> Path:
        return self.root / "egress.sock"

    def make(self, owner: tuple[int, int] | None) -> None:
        """Make every folder (idempotent); those the box may write belong to `owner` when one is given."""
        self.root.mkdir(mode=BRIDGE_ONLY, parents=True, exist_ok=True)
        for name in (*AGENTS, *GIVEN):
            place = self.root / name
            place.mkdir(mode=READABLE, parents=True, exist_ok=True)
            if owner is not None and name in AGENTS:
                os.chown(place, *owner)

    def write(self, place: Path, text: str) -> None:
        """Write a file so that a crash leaves the old one or the new one, readable in the box."""
        draft = place.with_name(f".{place.name}.new")
        draft.write_text(text, encoding="utf-8")
        draft.chmod(0o644)
        draft.replace(place)

    def holds_personal(self) -> bool:
        """Say whether there is a clone of somebody's own layer."""
        return (self.context / "personal").is_dir()

    def drop_personal(self) -> None:
        """Take the clone of somebody's own layer away."""
        shutil.rmtree(self.context / "personal")

    def remove_home(self) -> None:
        """Drop what only a live session needs; the clone, the capsule and the lock stay."""
        shutil.rmtree(self.home, ignore_errors=True)
