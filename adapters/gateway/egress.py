"""The door for tools that reach out. Owns: EgressDoor, Policy. Imports: asyncio, core. Effects: TCP connections, reports.

A CONNECT proxy: one parse of the destination, one look at the allowlist, one resolution, and then exactly the address that was
checked is dialled. What is inside the tunnel is the tool's business; how long and how much is not.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from adapters.gateway import host
from core import errors, ids, ports

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
Dialer = Callable[[str, int], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]

MAX_AT_ONCE = 64
CHUNK = 64 << 10  # also the longest head of a request
_ASK = "Ask in the thread for it to be opened."

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What is the same for every loop. Times are seconds; `tunnel_bytes` bounds one tunnel, both directions together."""

    rules: tuple[host.Rule, ...]
    private: tuple[host.Network, ...]
    resolve: Resolver
    dial: Dialer
    clock: ports.Clock
    put: Callable[[ports.GatewayReport], None]
    head_timeout: float = 15.0
    connect_timeout: float = 15.0
    idle: float = 300.0
    tunnel_bytes: int = 4 << 30


class _Denied(Exception):
    """The request ends here, with this HTTP status; `wanted` is where it was to go, when that could be read."""

    def __init__(self, why: str, *, status: int = 403, wanted: host.Authority | None = None) -> None:
        super().__init__(why)
        self.status = status
        self.wanted = wanted


class EgressDoor:
    """Serves one loop's egress socket. `accept` is what an asyncio server calls for each connection."""

    def __init__(self, loop: ids.LoopId, policy: Policy) -> None:
        self._loop = loop
        self._policy = policy
        self._open: set[asyncio.Task[None]] = set()
        self._closed = False

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a connection; more than MAX_AT_ONCE of them are turned away."""
        if self._closed or len(self._open) >= MAX_AT_ONCE:
            writer.transport.abort()
            return
        task = asyncio.create_task(self._handle(reader, writer), name=f"egress-{ids.short(self._loop)}")
        self._open.add(task)
        task.add_done_callback(self._open.discard)
        # A task that is cancelled before its first step never reaches its `finally`.
        task.add_done_callback(lambda _: writer.close())

    async def stop(self) -> None:
        """Drop every tunnel, and every connection that was on its way in."""
        self._closed = True
        tasks = list(self._open)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            wanted = await self._wanted(reader)
            far_reader, far_writer = await self._reach(wanted)
            try:
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await self._carry(wanted, (reader, writer), (far_reader, far_writer))
            finally:
                far_writer.transport.abort()
        except _Denied as denied:
            self._report(denied)
            await _answer(writer, denied)
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            log.debug("egress.connection_lost", extra={"loop": self._loop})
        except Exception:  # the top of a supervised task: one connection must not take the door with it
            log.exception("egress.failed", extra={"loop": self._loop})
        finally:
            await _close(writer)

    async def _wanted(self, reader: asyncio.StreamReader) -> host.Authority:
        """Read the request's head and return where it wants to go."""
        try:
            async with asyncio.timeout(self._policy.head_timeout):
                head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError as exc:
            raise _Denied("the request's head is too long", status=431) from exc
        words = head.partition(b"\r\n")[0].split(b" ")
        if len(words) != 3 or words[2] not in {b"HTTP/1.1", b"HTTP/1.0"}:
            raise _Denied("the request is malformed", status=400)
        if words[0] != b"CONNECT":
            raise _Denied("plain HTTP is not carried; use https:// instead", wanted=_plain(words[1]))
        try:
            wanted = host.parse(words[1])
        except errors.Refused as exc:
            shown = words[1].decode("ascii", "backslashreplace")[:200]
            raise _Denied(str(exc), wanted=host.Authority(host=_printable(shown), port=0)) from exc
        if not host.listed(wanted, self._policy.rules):
            raise _Denied(f"it is not on the allowlist. {_ASK}", wanted=wanted)
        return wanted

    async def _reach(self, wanted: host.Authority) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Resolve once, check every address, dial the first of them that answers."""
        try:
            async with asyncio.timeout(self._policy.connect_timeout):
                found = (
                    [wanted.host] if wanted.address else await self._policy.resolve(wanted.host, wanted.port)
                )
        except (OSError, TimeoutError) as exc:
            raise _Denied("its name cannot be resolved now", status=502, wanted=wanted) from exc
        # One bad address spoils the lot: a name that mixes public and private ones is steering, not balancing.
        for text in found:
            if why := self._objection(text):
                raise _Denied(f"it resolves to {text}, and {why}", wanted=wanted)
        for text in found:
            try:
                async with asyncio.timeout(self._policy.connect_timeout):
                    return await self._policy.dial(text, wanted.port)
            except (OSError, TimeoutError):
                log.info(
                    "egress.dial_failed", extra={"loop": self._loop, "host": wanted.host, "address": text}
                )
        raise _Denied("it does not answer now", status=502, wanted=wanted)

    def _objection(self, text: str) -> str:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return "that is no plain address"
        why = host.objection(address, self._policy.private)
        return why or ("it is the bridge's own machine" if is_own(address) else "")

    async def _carry(
        self,
        wanted: host.Authority,
        near: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        far: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        """Copy both ways until both have ended, nothing moves for `idle` seconds, or too much was moved."""
        left = [self._policy.tunnel_bytes]
        try:
            async with asyncio.timeout(self._policy.idle) as idle, asyncio.TaskGroup() as pumps:
                for reader, writer in ((near[0], far[1]), (far[0], near[1])):
                    pumps.create_task(self._pump(reader, writer, idle, left))
        except* TimeoutError:
            log.info("egress.idle", extra={"loop": self._loop, "host": wanted.host})
        except* OSError:
            log.debug("egress.tunnel_broke", extra={"loop": self._loop})
        except* _Denied as group:
            denied = group.exceptions[0]
            self._report(_Denied(str(denied), wanted=wanted))

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        idle: asyncio.Timeout,
        left: list[int],
    ) -> None:
        now = asyncio.get_running_loop().time
        while chunk := await reader.read(CHUNK):
            idle.reschedule(now() + self._policy.idle)
            left[0] -= len(chunk)
            if left[0] < 0:
                raise _Denied(f"the tunnel carried more than {self._policy.tunnel_bytes} bytes")
            writer.write(chunk)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

    def _report(self, denied: _Denied) -> None:
        wanted = denied.wanted or host.Authority(host="", port=0)
        log.warning(
            "egress.refused",
            extra={"loop": self._loop, "host": wanted.host, "port": wanted.port, "why": str(denied)},
        )
        self._policy.put(
            ports.EgressRefused(
                loop=self._loop,
                host=wanted.host,
                port=wanted.port,
                why=str(denied),
                at=self._policy.clock.now(),
            )
        )


async def resolve(name: str, port: int) -> Sequence[str]:
    """Return the addresses of a name, in the resolver's order, each once. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def dial(address: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to an address (never a name). Raises OSError."""
    return await asyncio.open_connection(address, port, limit=CHUNK)


def is_own(address: host.Address) -> bool:
    """Say whether an address belongs to this machine: only such a one can be bound."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError as exc:
        return exc.errno not in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
    return True


async def _answer(writer: asyncio.StreamWriter, denied: _Denied) -> None:
    place = f"{denied.wanted.host}:{denied.wanted.port}" if denied.wanted else "This request"
    text = f"Loopbridge: {place} was refused: {denied}\n".encode()
    # Many tools show nothing of a refused CONNECT but the words beside its number.
    head = f"HTTP/1.1 {denied.status} Loopbridge: {_printable(str(denied))}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {len(text)}\r\n"
    with suppress(OSError):
        writer.write(head.encode() + b"Connection: close\r\n\r\n" + text)
        await writer.drain()


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


def _plain(target: bytes) -> host.Authority | None:
    """Return where a plain-HTTP request was to go, for the report alone."""
    place = target.removeprefix(b"http://").partition(b"/")[0]
    try:
        return host.parse(place if b":" in place else place + b":80")
    except errors.Refused:
        return None


def _printable(text: str) -> str:
    return "".join(char if char.isascii() and char.isprintable() else "?" for char in text)
