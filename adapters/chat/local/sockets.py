"""The room's unix socket. Owns: bind, connect. Imports: socket. Effects: opens sockets; blocks, so call it in a thread.

A path longer than a socket address allows is reached through the folder's descriptor.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import Rejected, Unavailable


def bind(path: Path) -> socket.socket:
    """Return a listening socket at `path` that only its owner may use. Raises Rejected when someone listens there."""
    try:
        connect(path).close()
    except Unavailable:
        path.unlink(missing_ok=True)
    else:
        raise Rejected(
            f"another bridge serves {path.parent} already", remedy="Stop it first, or use another home."
        )
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _address(path) as address:
            listener.bind(address)
        path.chmod(0o600)
        # Nobody can connect before this, so there is no moment of looser rights.
        listener.listen(64)
    except OSError as exc:
        listener.close()
        raise Unavailable(f"cannot listen at {path}: {exc.strerror}") from exc
    return listener


def connect(path: Path) -> socket.socket:
    """Return a connected socket. Raises Unavailable when nobody listens at `path`."""
    speaker = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _address(path) as address:
            speaker.connect(address)
    except OSError as exc:
        speaker.close()
        raise Unavailable(
            f"no bridge answers at {path} ({exc.strerror})", remedy="Start it with `loopbridge run`."
        ) from exc
    return speaker


@contextmanager
def _address(path: Path) -> Iterator[str]:
    if len(os.fsencode(path)) < 100:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
