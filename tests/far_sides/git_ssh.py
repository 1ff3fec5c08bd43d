"""A git server over ssh. Owns: GitServer, serve. Effects: listens on loopback, runs git's own server programs.

The bridge's side is the real ssh client; on this side `git-upload-pack` and `git-receive-pack` run behind one host key and one
client key, both made for the test.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh

from tests.contract.git_rig import ENV

PROGRAMS = {"git-upload-pack": "upload-pack", "git-receive-pack": "receive-pack"}


@dataclass(slots=True, kw_only=True)
class GitServer:
    """A server that stands. `key` opens it, `known_hosts` names its key, `asked` are the commands it was given."""

    port: int
    key: Path
    known_hosts: Path
    asked: list[str] = field(default_factory=list)

    def address(self, repository: Path) -> str:
        """Return the address of a bare repository on this machine."""
        return f"ssh://git@127.0.0.1:{self.port}{repository}"

    async def answer(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        """Run what git asks for, and nothing else."""
        words = shlex.split(process.command or "")
        self.asked.append(process.command or "")
        if len(words) != 2 or words[0] not in PROGRAMS:
            process.stderr.write(b"git only\n")
            process.exit(1)
            return
        run = await asyncio.create_subprocess_exec(
            "git", PROGRAMS[words[0]], words[1], env=ENV,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert run.stdin is not None
        taking = asyncio.create_task(_pump(process.stdin, run.stdin))
        try:
            await asyncio.gather(_pump(run.stdout, process.stdout), _pump(run.stderr, process.stderr))
        finally:
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)
        process.exit(await run.wait())


async def _pump(source: Any, into: Any) -> None:
    """Carry bytes over until there are no more, then say so."""
    with suppress(ConnectionError, asyncssh.BreakReceived):
        while data := await source.read(1 << 16):
            into.write(data)
            await into.drain()
        if into.can_write_eof():
            into.write_eof()


@asynccontextmanager
async def serve(folder: Path) -> AsyncIterator[GitServer]:
    """Listen, with keys in `folder`."""
    host, client = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    key = folder / "id_ed25519"
    client.write_private_key(str(key))
    key.chmod(0o600)
    server = GitServer(port=0, key=key, known_hosts=folder / "known_hosts")
    allowed = asyncssh.import_authorized_keys(client.export_public_key().decode())
    async with asyncssh.listen(
        "127.0.0.1", 0, server_host_keys=[host], authorized_client_keys=allowed, process_factory=server.answer, encoding=None
    ) as listener:  # fmt: skip
        server.port = listener.get_port()
        public = host.export_public_key().decode().strip()
        server.known_hosts.write_text(f"[127.0.0.1]:{server.port} {public}\n")
        yield server
