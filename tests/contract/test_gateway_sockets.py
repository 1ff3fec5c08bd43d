"""The sockets' files, and what opening, closing and leaving do."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from pathlib import Path
from typing import Any

import pytest

from adapters.gateway.gateway import Gateway
from core import errors, ids, ports
from tests.contract.gateway_rig import LOOP, RealClock, rigged, stall, until


async def test_sockets_are_private_and_go_with_the_loop(tmp_path: Path) -> None:
    owner = (1000, 1000) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    async with rigged(owner=owner) as rig:
        for path in (rig.model, rig.egress):
            found = path.stat()
            assert stat.S_IMODE(found.st_mode) == 0o600
            assert (found.st_uid, found.st_gid) == owner
        await rig.gateway.close(LOOP)
        await rig.gateway.close(LOOP)
        assert not rig.model.exists()
        assert not rig.egress.exists()


async def test_open_again_replaces_what_a_crash_or_a_hand_left(tmp_path: Path) -> None:
    async with rigged() as rig:
        rig.model.unlink()
        await rig.open()
        async with rig.post() as answer:
            assert answer.status == 200
        other = ids.LoopId("b" * 32)
        stale, taken = tmp_path / "s.sock", tmp_path / "t.sock"
        with socket.socket(socket.AF_UNIX) as crashed:
            crashed.bind(str(stale))
        taken.write_text("precious")
        with pytest.raises(errors.BadInput):
            await rig.gateway.open(other, model_socket=stale, egress_socket=taken, budget_usd=None)
        assert taken.read_text() == "precious"
        assert not stale.exists()
        await rig.gateway.open(
            other, model_socket=stale, egress_socket=tmp_path / "new" / "e.sock", budget_usd=None
        )
        _, writer = await asyncio.open_unix_connection(str(stale))
        writer.close()
        assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


async def test_a_path_too_long_for_the_kernel_still_works(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d" * 40] * 5)
    async with rigged() as rig:
        other = ids.LoopId("c" * 32)
        await rig.gateway.open(
            other, model_socket=deep / "m.sock", egress_socket=deep / "e.sock", budget_usd=None
        )
        folder = os.open(deep, os.O_PATH)
        try:
            reader, writer = await asyncio.open_unix_connection(f"/proc/self/fd/{folder}/m.sock")
        finally:
            os.close(folder)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b"403" in await reader.readline()
        writer.close()
        with pytest.raises(errors.BadInput):
            await rig.gateway.open(
                ids.LoopId("d" * 32),
                model_socket=tmp_path / ("n" * 120),
                egress_socket=deep / "x",
                budget_usd=None,
            )


async def test_leaving_with_everything_busy_leaves_no_task() -> None:
    before = asyncio.all_tasks()
    async with rigged(stall) as rig:
        answers = [await rig.post() for _ in range(4)]
        tunnel = await asyncio.open_unix_connection(str(rig.egress))
        await rig.gateway.__aexit__(None, None, None)
        assert [type(report) for report in rig.reports] == [ports.Metered] * 4
        for answer in answers:
            answer.close()
        tunnel[1].close()
    await until(lambda: asyncio.all_tasks() == before)


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_url": "ftp://x.org"},
        {"base_url": "https://user:pass@x.org"},
        {"base_url": "https://x.org/?a=b"},
        {"base_url": "nonsense"},
        {"key": "two words"},
        {"key": "line\nbreak-in-key"},
        {"allow": ["http://x.org"]},
        {"private_networks": ["10.0.0.1/8"]},
    ],
)
def test_what_cannot_work_is_refused_at_once(wrong: dict[str, Any]) -> None:
    async def report(_: ports.GatewayReport) -> None: ...

    good: dict[str, Any] = {
        "base_url": "https://x.org",
        "key": "",
        "allow": [],
        "owner": None,
        "report": report,
        "clock": RealClock(),
    }
    with pytest.raises(errors.BadInput) as caught:
        Gateway(**(good | wrong))
    assert caught.value.remedy
    assert "break-in-key" not in str(caught.value)
