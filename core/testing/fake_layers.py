"""A stand-in for the layers of context. Owns: FakeLayers. Imports: core. Effects: none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from core import ids, layers, ports


class FakeLayers:
    """Layers in memory: every write is a commit, its id derived from what was written. `written` are (layer, subject, by)."""

    def __init__(self, **texts: Mapping[str, str]) -> None:
        self._history: dict[str, list[tuple[str, dict[str, str]]]] = {}
        self.written: list[tuple[str, str, str]] = []
        for layer, files in texts.items():
            self._history[layer] = [(_sha(layer, "begin"), dict(files))]

    async def sync(self, layer: str, *, fetch: bool = True) -> str:
        """Return the newest commit."""
        return self._of(layer)[-1][0]

    def mirror(self, layer: str) -> Path:
        """Return a folder that does not exist."""
        return Path("/nonexistent") / f"{layer}.git"

    async def texts(self, layer: str, folder: str = "") -> Mapping[str, str]:
        """Return the files below a folder, or the one of that name."""
        name = folder.strip("/")
        now = self._of(layer)[-1][1]
        return {path: text for path, text in now.items() if not name or f"{path}/".startswith(f"{name}/")}

    async def changes(self, layer: str, since: str) -> ports.Changes:
        """Return what differs from an earlier commit."""
        tip, now = self._of(layer)[-1]
        before = dict(self._of(layer)).get(since, {})
        pages = {path: text for path, text in now.items() if before.get(path) != text}
        return ports.Changes(tip=tip, pages=pages, gone=tuple(sorted(set(before) - set(now))))

    async def write(
        self, layer: str, subject: str, files: Mapping[str, str], *, gone: Sequence[str] = (), by: str
    ) -> str:
        """Make a commit, unless nothing would differ."""
        tip, now = self._of(layer)[-1]
        new = {path: text for path, text in {**now, **files}.items() if path not in gone}
        if new == now:
            return tip
        sha = _sha(layer, tip, subject, repr(sorted(new.items())))
        self._of(layer).append((sha, new))
        self.written.append((layer, subject, by))
        return sha

    def checkout(self, layer: str, commit: str, branch: str, *, author: str) -> ports.Checkout:
        """Return how the layer would be cloned."""
        into = f"/loop/context/{layers.folder(layer)}"
        return ports.Checkout(
            name=layer, mirror=self.mirror(layer), commit=commit, branch=branch, into=into, author=author
        )

    def _of(self, layer: str) -> list[tuple[str, dict[str, str]]]:
        return self._history.setdefault(layer, [(_sha(layer, "begin"), {})])


def _sha(*parts: str) -> str:
    return (ids.derived(*parts) * 2)[:40]
