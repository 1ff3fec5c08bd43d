"""The home directory. Owns: Home, prepare, and every path in it. Imports: config (texts), core.errors. Effects: `prepare` makes folders.

config.toml · policy.toml · bridge.db · chat.db · chat.sock · context/{knowledge,notes,journal}.git · personal/<member>.git
repos/<name>.git · keys/ (keys/matrix/: the Matrix device) · loops/<id>/ · .loopbridge (the marker: this folder is ours)
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from config import document, rules, settings
from core.errors import BadInput, Damaged, LoopbridgeError, Refused, StorageFull, Unavailable

PRIVATE, PRIVATE_FILE = 0o700, 0o600
MARKER = ".loopbridge"
LAYOUT = "1\n"
LAYERS = ("knowledge", "notes", "journal")
WELCOME = {
    "knowledge": "What the team holds to be true. It changes only by a merge that a person made.\n",
    "notes": "What the team writes down as it goes.\n",
    "journal": "Threads and loops as they happened, one line each.\n",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that `prepare` saw to: its path below the home, what it is for, and whether it was made now."""

    path: str
    purpose: str
    state: Literal["made", "there"]


@dataclass(frozen=True, slots=True)
class Home:
    """The places in a home directory. Nothing here looks at the disk."""

    root: Path

    @property
    def marker(self) -> Path:
        return self.root / MARKER

    @property
    def config(self) -> Path:
        return self.root / settings.FILE

    @property
    def policy(self) -> Path:
        return self.root / rules.FILE

    @property
    def database(self) -> Path:
        return self.root / "bridge.db"

    @property
    def database_url(self) -> str:
        """Return the URL of the database that is used when none is configured."""
        return f"sqlite:///{self.database}"

    @property
    def chat_socket(self) -> Path:
        return self.root / "chat.sock"

    @property
    def slack_manifest(self) -> Path:
        return self.root / "slack-manifest.yaml"

    @property
    def context(self) -> Path:
        return self.root / "context"

    @property
    def personal(self) -> Path:
        return self.root / "personal"

    @property
    def repos(self) -> Path:
        return self.root / "repos"

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def loops(self) -> Path:
        return self.root / "loops"

    def layer(self, name: str) -> Path:
        """Return the bare repository of a layer of context."""
        return self.context / f"{name}.git"

    @property
    def folders(self) -> tuple[tuple[Path, str], ...]:
        """Return every folder with what it is for."""
        return (
            (self.keys, "secrets; never shown to a sandbox"),
            (self.context, "the team's layers of context"),
            (self.personal, "each member's own layer"),
            (self.repos, "mirrors of the code repositories"),
            (self.loops, "one folder for each loop"),
        )


def prepare(home: Home) -> tuple[Step, ...]:
    """Make what is missing of a home, and overwrite nothing. Blocks; for a thread or a start.

    Raises BadInput or Refused when the place cannot be a home of ours, Unavailable or StorageFull when it cannot be written.
    """
    with disk(home.root):
        fresh = _take(home.root)
        steps = [Step(path=str(home.root), purpose="the home directory", state="made" if fresh else "there")]
        steps += [_file(home, home.marker, LAYOUT, "marks the folder as a home")]
        steps += [_folder(home, path, purpose) for path, purpose in home.folders]
        steps += [_origin(home, name) for name in LAYERS]
        steps += [
            _file(
                home,
                home.config,
                document.EXAMPLE.read_text(encoding="utf-8"),
                "settings, each with its default",
            ),
            _file(
                home,
                home.policy,
                rules.SHIPPED.read_text(encoding="utf-8"),
                "what the agent may do without asking",
            ),
        ]
    return tuple(steps)


def _take(root: Path) -> bool:
    """Make the folder ours; say whether it was made. Raises BadInput, Refused."""
    if root.is_symlink() and not root.exists():
        raise BadInput(
            f"{root} is a link that leads nowhere.",
            remedy="Remove the link, or set LOOPBRIDGE_HOME to another folder.",
        )
    if root.exists() and not root.is_dir():
        raise BadInput(
            f"{root} is a file, not a folder.",
            remedy="Move it away, or set LOOPBRIDGE_HOME to another folder.",
        )
    fresh = not root.exists()
    root.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    held = root.stat()
    if held.st_uid != os.geteuid():
        raise Refused(
            f"{root} belongs to another user (uid {held.st_uid}).",
            remedy="Run this as that user, or set LOOPBRIDGE_HOME to a folder of your own.",
        )
    if not (root / MARKER).exists() and any(path.name != f"{MARKER}.new" for path in root.iterdir()):
        raise Refused(
            f"{root} holds other files and was not made by Loopbridge; nothing in it was changed.",
            remedy="Set LOOPBRIDGE_HOME to an empty folder or to one that does not exist yet.",
        )
    if stat.S_IMODE(held.st_mode) != PRIVATE:
        root.chmod(PRIVATE)
    return fresh


def _folder(home: Home, path: Path, purpose: str) -> Step:
    there = path.is_dir()
    if not there:
        if path.exists() or path.is_symlink():
            raise BadInput(
                f"{path} is in the way: a folder belongs there.", remedy=f"Move it away: mv {path} {path}.old"
            )
        path.mkdir(mode=PRIVATE)
    return Step(path=str(path.relative_to(home.root)), purpose=purpose, state="there" if there else "made")


def _file(home: Home, path: Path, text: str, purpose: str) -> Step:
    there = path.exists()
    if not there:
        if path.is_symlink():
            raise BadInput(f"{path} is a link that leads nowhere.", remedy=f"Remove it: rm {path}")
        draft = path.with_name(f"{path.name}.new")
        draft.unlink(missing_ok=True)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        draft.replace(path)
    return Step(path=str(path.relative_to(home.root)), purpose=purpose, state="there" if there else "made")


def _origin(home: Home, name: str) -> Step:
    """Make a layer's bare origin with one commit in it, so that it can be cloned; a crash leaves none or a whole one."""
    path = home.layer(name)
    there = path.exists()
    if there and not (path / "HEAD").is_file():
        raise Damaged(
            f"{path} is no git repository.",
            remedy=f"Move it away: mv {path} {path}.old; then run this again.",
        )
    if not there:
        draft = path.with_name(f"{path.name}.new")
        shutil.rmtree(draft, ignore_errors=True)
        # Boxes run as another user, who has to read what the host wrote whatever its umask is.
        _git("init", "--quiet", "--bare", "--template=", "--shared=0644", "--initial-branch=main", str(draft))
        _git(
            f"--git-dir={draft}",
            "fast-import",
            "--quiet",
            "--date-format=now",
            stdin=_first_commit(WELCOME[name]),
        )
        draft.rename(path)
    purpose = f"the origin of the team's {name}"
    return Step(path=str(path.relative_to(home.root)), purpose=purpose, state="there" if there else "made")


def _first_commit(text: str) -> bytes:
    body = text.encode()
    return (
        b"commit refs/heads/main\ncommitter Loopbridge <loopbridge@localhost> now\ndata 5\nBegin\n"
        b"M 100644 inline README.md\ndata %d\n%s\ndone\n" % (len(body), body)
    )


def _git(*arguments: str, stdin: bytes = b"") -> None:
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}
    environment |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    try:
        done = subprocess.run(
            ["git", *arguments], input=stdin, capture_output=True, env=environment, timeout=60, check=False
        )
    except FileNotFoundError as exc:
        raise Unavailable("git is not installed.", remedy="Run scripts/bootstrap.") from exc
    except subprocess.TimeoutExpired as exc:
        raise Unavailable(
            "git did not end within a minute.", remedy="Try again; is the disk very slow?"
        ) from exc
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        if os.strerror(errno.ENOSPC) in said:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        raise Unavailable(f"git failed: {said}", remedy="Mend that, then run this again.")


@contextmanager
def disk(root: Path) -> Iterator[None]:
    """Turn what the disk says into errors a person can read."""
    try:
        yield
    except OSError as exc:
        raise _translated(exc, root) from exc


def _translated(exc: OSError, root: Path) -> LoopbridgeError:
    where = exc.filename or root
    if exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFull(
            f"There is no room left for {root}; what was made so far stays.",
            remedy="Make room, then run this again.",
        )
    if exc.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return Refused(
            f"{where} cannot be written ({exc.strerror}).",
            remedy="Set LOOPBRIDGE_HOME to a folder that you can write, or mend its permissions.",
        )
    return BadInput(
        f"{where} cannot be used ({exc.strerror}).", remedy="Set LOOPBRIDGE_HOME to another folder."
    )
