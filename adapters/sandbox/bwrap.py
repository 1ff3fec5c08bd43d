"""The bubblewrap backend. Owns: Bubblewrap. Imports: core, its siblings. Effects: writes launchers, runs boxes."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from adapters import cancelling
from adapters.sandbox import host, launcher, orphans, probe, process, running, spec
from core import errors, ports

log = logging.getLogger(__name__)
_STDERR_MOST = 1 << 20


class Bubblewrap:
    """Runs programs boxed in by bwrap, as `user` when the bridge is root. `state` is the bridge's home."""

    name = "bubblewrap"

    def __init__(self, *, user: host.ServiceUser | None, state: Path) -> None:
        """Raises Refused when the bridge is root and `user` is missing: a child of root is never boxed in."""
        if os.geteuid() == 0 and user is None:
            raise errors.Refused(
                "the bridge runs as root and has no service user for its sandboxes",
                remedy="run scripts/bootstrap",
            )
        if os.geteuid() != 0 and user is not None and user.uid != os.geteuid():
            raise errors.Refused(
                f"only root can run sandboxes as {user.name!r}",
                remedy="leave the service user out of the configuration, or start the bridge as root",
            )
        self._user = (user.uid, user.gid) if user is not None and os.geteuid() == 0 else None
        self._state = state
        self._host: spec.Host | None = None

    def owner(self) -> tuple[int, int] | None:
        """Return the (uid, gid) that writable binds and sockets must belong to, or None for the bridge's own."""
        return self._user

    def write_launcher(self, box: ports.Box, program: Sequence[str], at: Path) -> None:
        """Write an executable at `at` that enters the box and execs `program` followed by its own arguments.

        Beside it, `<at>.status` will say what runs. Raises BadInput for a box that cannot be built.
        """
        plan = self._plan(box, program)
        text = launcher.text(plan, trusted=self._state, user=self._user, status=str(process.status_file(at)))
        draft = at.with_name(f".{at.name}.{secrets.token_hex(4)}")
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o700)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(text)
        draft.replace(at)

    async def run(
        self,
        box: ports.Box,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout: float = 60.0,
        max_output: int = 1 << 20,
    ) -> ports.Finished:
        """Run one command in the box to its end, keeping `max_output` bytes of either output.

        Raises Unavailable when it outlives `timeout` seconds, Rejected when the box cannot be entered or needs more
        memory than it may have. In every case nothing of the box lives when this returns.
        """
        out, err = running.Capped(max_output), running.Capped(max_output)
        code = await running.carry_out(self._order(box, argv, stdin, timeout), out, err)
        return running.finished(code, out.value(), err, cut=out.cut)

    async def run_to_file(
        self,
        box: ports.Box,
        argv: Sequence[str],
        out: Path,
        *,
        timeout: float = 60.0,
        max_output: int = 512 << 20,
    ) -> ports.Finished:
        """Like `run`, but standard output goes through a pipe into the host file `out`, `max_output` bytes at most."""
        sink = await cancelling.opened(partial(running.ToFile, out, max_output), running.ToFile.close)
        err = running.Capped(_STDERR_MOST)
        try:
            code = await running.carry_out(self._order(box, argv, b"", timeout), sink, err)
        finally:
            await cancelling.unbroken(partial(asyncio.to_thread, sink.close))
        return running.finished(code, b"", err, cut=sink.cut)

    async def end(self, at: Path) -> None:
        """Kill what runs behind the launcher `at`, if anything does, and return once nothing of it lives."""
        life = await asyncio.to_thread(process.life_of, at)
        if life is not None:
            await _end(life)

    async def sweep(self) -> None:
        """Kill the boxes that an earlier bridge left behind, and return once nothing of them lives.

        Only for the one process that owns the home, before its work starts. Raises Unavailable for one that does not end.
        """
        for life in await asyncio.to_thread(orphans.find, self._state):
            log.warning("sandbox.swept", extra={"pid": life.init})
            await _end(life)

    async def probe(self) -> Sequence[ports.Finding]:
        """Start a box and say what holds here."""
        return await probe.findings(self)

    def _order(self, box: ports.Box, argv: Sequence[str], stdin: bytes, timeout: float) -> running.Order:
        return running.Order(
            script=partial(self._script, box, tuple(argv)),
            stdin=stdin,
            timeout=timeout,
            memory_bytes=box.limits.memory_bytes,
        )

    def _script(self, box: ports.Box, program: Sequence[str], status: int) -> str:
        plan = self._plan(box, program)
        return launcher.compiled(plan, trusted=self._state, user=self._user, status=status)

    def _plan(self, box: ports.Box, program: Sequence[str]) -> spec.Plan:
        if self._host is None:  # a machine stays what it is while the bridge runs
            self._host = host.look(staged=self._user is not None)
        return spec.plan(box, program, self._host)


async def _end(life: process.Life) -> None:
    try:
        life.kill()
        await life.ended()
    finally:
        life.close()
