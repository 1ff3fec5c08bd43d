"""The egress door, over real sockets; far ends on loopback are reached through an injected dialer alone."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from adapters.gateway import egress
from core import ports
from tests.contract.gateway_rig import LOOP, Rig, rigged
from tests.patience import PATIENCE

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
PUBLIC = "93.184.216.34"


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(65536):
        writer.write(chunk)
        await writer.drain()
    writer.write(b"<end>")
    writer.close()


@asynccontextmanager
async def tunnelled(
    serve: Serve = echo,
    *,
    found: Sequence[str] = (PUBLIC,),
    allow: Sequence[str] = ("example.org",),
    **more: Any,
) -> AsyncIterator[tuple[Rig, list[tuple[str, int]], list[str]]]:
    dialled: list[tuple[str, int]] = []
    asked: list[str] = []
    server = await asyncio.start_server(serve, "127.0.0.1", 0)

    async def resolve(name: str, port: int) -> Sequence[str]:
        asked.append(name)
        return found

    async def dial(address: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        dialled.append((address, port))
        return await asyncio.open_connection(*server.sockets[0].getsockname())

    async with server, rigged(allow=list(allow), **({"resolve": resolve, "dial": dial} | more)) as rig:
        yield rig, dialled, asked


async def connect(rig: Rig, target: bytes) -> tuple[bytes, asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_unix_connection(str(rig.egress))
    writer.write(b"CONNECT " + target + b" HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n")
    async with asyncio.timeout(PATIENCE):
        line = await reader.readline()
    return line, reader, writer


async def test_a_listed_host_is_reached_by_the_address_that_was_checked() -> None:
    async with tunnelled() as (rig, dialled, asked):
        line, reader, writer = await connect(rig, b"Example.ORG:443")
        assert line == b"HTTP/1.1 200 Connection established\r\n"
        assert await reader.readline() == b"\r\n"
        writer.write(b"ping")
        assert await reader.readexactly(4) == b"ping"
        # Half-closed: the far end still gets its last word in.
        writer.write_eof()
        assert await reader.read() == b"<end>"
        writer.close()
        assert dialled == [(PUBLIC, 443)]
        assert asked == ["example.org"]
        assert rig.reports == []


async def test_the_far_end_may_close_its_half_first() -> None:
    heard = asyncio.get_running_loop().create_future()

    async def talk_then_listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"bye")
        writer.write_eof()
        heard.set_result(await reader.read())
        writer.close()

    async with tunnelled(talk_then_listen) as (rig, _, _):
        _, reader, writer = await connect(rig, b"example.org:443")
        await reader.readline()
        assert await reader.read() == b"bye"
        writer.write(b"still here")
        writer.write_eof()
        async with asyncio.timeout(PATIENCE):
            assert await heard == b"still here"
        writer.close()


async def test_bytes_sent_along_with_the_request_are_carried() -> None:
    async with tunnelled() as (rig, _, _):
        reader, writer = await asyncio.open_unix_connection(str(rig.egress))
        writer.write(b"CONNECT example.org:443 HTTP/1.1\r\n\r\nearly" + b"x" * 100_000)
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        assert answer.partition(b"\r\n\r\n")[2] == b"early" + b"x" * 100_000 + b"<end>"


@pytest.mark.parametrize(
    ("target", "host", "port"),
    [
        (b"evil.example:443", "evil.example", 443),
        (b"example.org:80", "example.org", 80),
        (b"example.org.:443", "example.org.:443", 0),
        (b"user@example.org:443", "user@example.org:443", 0),
        (b"example.org\x00.evil:443", "example.org?.evil:443", 0),
        (b"169.254.169.254:443", "169.254.169.254", 443),
        (b"0x7f.1:443", "0x7f.1:443", 0),
    ],
)
async def test_a_refusal_is_told_to_the_tool_and_reported(target: bytes, host: str, port: int) -> None:
    async with tunnelled() as (rig, dialled, asked):
        line, reader, writer = await connect(rig, target)
        text = (await reader.read()).decode()
        writer.close()
        assert line.startswith(b"HTTP/1.1 403 Loopbridge: ")
        report = (await rig.until(1))[0]
        assert isinstance(report, ports.EgressRefused)
        assert (report.loop, report.host, report.port) == (LOOP, host, port)
        assert report.why
        if port:
            assert "not on the allowlist" in text
            assert "Ask in the thread" in text
        assert dialled == []
        assert asked == []


@pytest.mark.parametrize(
    "found",
    [
        ["127.0.0.1"],
        ["::1"],
        ["10.0.0.5"],
        ["169.254.169.254"],
        ["100.100.100.200"],
        ["168.63.129.16"],
        ["fd00:ec2::254"],
        ["::ffff:127.0.0.1"],
        [PUBLIC, "127.0.0.1"],
        ["fe80::1%lo"],
        ["not an address"],
    ],
)
async def test_a_name_that_leads_inward_is_refused(found: list[str]) -> None:
    async with tunnelled(found=found) as (rig, dialled, asked):
        line, _, writer = await connect(rig, b"example.org:443")
        writer.close()
        assert line.startswith(b"HTTP/1.1 403 Loopbridge: ")
        assert dialled == []
        assert asked == ["example.org"]
        assert isinstance((await rig.until(1))[0], ports.EgressRefused)


async def test_a_private_network_can_be_opened_on_purpose() -> None:
    async with tunnelled(found=["10.1.2.3"], private_networks=["10.1.0.0/16"]) as (rig, dialled, _):
        line, _, writer = await connect(rig, b"example.org:443")
        writer.close()
        assert line.startswith(b"HTTP/1.1 200")
        assert dialled == [("10.1.2.3", 443)]


async def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    server = await asyncio.start_server(echo, "127.0.0.1", 0)

    async def dial(address: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if address == PUBLIC:
            raise ConnectionRefusedError
        return await asyncio.open_connection(*server.sockets[0].getsockname())

    async with tunnelled(found=[PUBLIC, "1.1.1.1"], dial=dial) as (rig, _, _):
        line, _, writer = await connect(rig, b"example.org:443")
        writer.close()
        assert line.startswith(b"HTTP/1.1 200")
    server.close()


async def test_a_name_that_cannot_be_resolved_is_said() -> None:
    async def resolve(name: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    async with tunnelled(resolve=resolve) as (rig, _, _):
        line, _, writer = await connect(rig, b"example.org:443")
        writer.close()
        assert line.startswith(b"HTTP/1.1 502 Loopbridge: ")


async def test_plain_http_is_refused_with_advice() -> None:
    async with tunnelled() as (rig, _, _):
        reader, writer = await asyncio.open_unix_connection(str(rig.egress))
        writer.write(b"GET http://example.org/x HTTP/1.1\r\nHost: example.org\r\n\r\n")
        answer = await reader.read()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 403")
        assert b"https://" in answer
        report = (await rig.until(1))[0]
        assert isinstance(report, ports.EgressRefused)
        assert (report.host, report.port) == ("example.org", 80)


@pytest.mark.parametrize(
    "head",
    [
        b"CONNECT  example.org:443 HTTP/1.1\r\n\r\n",
        b"CONNECT example.org:443\r\n\r\n",
        b"CONNECT example.org:443 HTTP/1.1 x\r\n\r\n",
        b"CONNECT example.org:443 HTTP/2\r\n\r\n",
        b"connect example.org:443 HTTP/1.1\r\n\r\n",
        b"CONNECT\texample.org:443 HTTP/1.1\r\n\r\n",
        b"CONNECT example.org:443\nX: y HTTP/1.1\r\n\r\n",
        b"\x05\x01\x00\r\n\r\n",
        b"CONNECT example.org:443 HTTP/1.1\r\nX: " + b"y" * 100_000,
    ],
)
async def test_an_odd_request_is_refused(head: bytes) -> None:
    async with tunnelled() as (rig, dialled, _):
        reader, writer = await asyncio.open_unix_connection(str(rig.egress))
        writer.write(head)
        answer = await reader.readline()
        writer.close()
        assert answer.split(b" ")[1] in {b"400", b"403", b"431"}
        assert dialled == []


async def test_an_idle_tunnel_is_closed() -> None:
    async with tunnelled(tunnel_idle_timeout=0.1) as (rig, _, _):
        _, reader, writer = await connect(rig, b"example.org:443")
        await reader.readline()
        async with asyncio.timeout(PATIENCE):
            assert await reader.read() == b""
        writer.close()
        assert rig.reports == []


async def test_a_tunnel_carries_only_so_much() -> None:
    async with tunnelled(tunnel_bytes=1000) as (rig, _, _):
        _, reader, writer = await connect(rig, b"example.org:443")
        await reader.readline()
        writer.write(b"x" * 2000)
        async with asyncio.timeout(PATIENCE):
            assert len(await reader.read()) <= 1000
        writer.close()
        report = (await rig.until(1))[0]
        assert isinstance(report, ports.EgressRefused)
        assert (report.host, report.port) == ("example.org", 443)


async def test_one_loop_has_only_so_many_tunnels() -> None:
    async with tunnelled() as (rig, _, _):
        held = [await connect(rig, b"example.org:443") for _ in range(egress.MAX_AT_ONCE)]
        reader, writer = await asyncio.open_unix_connection(str(rig.egress))
        with suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()
        for _, _, held_writer in held:
            held_writer.close()


async def test_closing_the_loop_drops_its_tunnels() -> None:
    async with tunnelled() as (rig, _, _):
        _, reader, writer = await connect(rig, b"example.org:443")
        await reader.readline()
        await rig.gateway.close(LOOP)
        async with asyncio.timeout(PATIENCE):
            assert await reader.read() == b""
        writer.close()


async def test_the_default_way_out_never_reaches_this_machine() -> None:
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    allow = [f"localhost:{port}", f"127.0.0.1:{port}", f"127.0.0.2:{port}"]
    async with rigged(allow=allow) as rig:
        for entry in allow:
            line, _, writer = await connect(rig, entry.encode())
            writer.close()
            assert line.startswith(b"HTTP/1.1 403 Loopbridge: ")
    server.close()


def test_this_machines_addresses_are_known_as_its_own() -> None:
    assert egress.is_own(ipaddress.ip_address("127.0.0.1"))
    assert not egress.is_own(ipaddress.ip_address(PUBLIC))
    assert not egress.is_own(ipaddress.ip_address("2606:2800:220:1::1"))
