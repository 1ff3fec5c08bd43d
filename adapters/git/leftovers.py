"""What a crash leaves behind. Owns: sweep, clear_locks. Imports: nothing. Effects: removes files under the home."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

log = logging.getLogger(__name__)


def sweep(repos: Path, packs: Path, *, before: float) -> None:
    """Clear mirrors and quarantine. Only for the one process that owns the home, before its work starts.

    Half-made folders, stale locks and empty refs go; judged work stays unless it was put there before `before` (seconds since
    the epoch).
    """
    old = (path for path in packs.glob("*/*") if path.stat().st_mtime < before)
    for path in (*repos.glob(".new-*"), *packs.glob("*/.in-*"), *old):
        log.info("git.swept", extra={"path": path.name})
        shutil.rmtree(path, ignore_errors=True)
    for mirror in repos.glob("*.git"):
        clear_locks(mirror)
        _clear_empty_refs(mirror)


def clear_locks(mirror: Path) -> None:
    """Remove the locks and half-written packs of a mirror; whoever calls holds it, so that nobody alive has made them."""
    for pattern in ("*.lock", "refs/**/*.lock", "objects/**/tmp_*"):
        for path in mirror.glob(pattern):
            log.info("git.swept", extra={"path": path.name})
            path.unlink(missing_ok=True)


def _clear_empty_refs(mirror: Path) -> None:
    """Remove refs without content, as a machine that stops in mid-write leaves them: git calls them broken for ever."""
    for path in (mirror / "refs" / "heads").rglob("*"):
        if path.is_file() and path.stat().st_size == 0:
            log.warning("git.empty_ref", extra={"ref": path.name})
            path.unlink()
