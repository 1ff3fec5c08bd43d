"""The model's door when something is wrong: the key stays in, errors are told."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from core import ports
from tests.contract.gateway_rig import KEY, LOOP, answer_events, rigged, stall, stream
from tests.patience import PATIENCE

SPELLINGS = [KEY, base64.b64encode(KEY.encode()).decode().rstrip("=")]


@pytest.mark.parametrize("spelled", SPELLINGS)
@pytest.mark.parametrize("status", [200, 400, 401, 500])
async def test_the_key_never_comes_back(status: int, spelled: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    body = json.dumps({"type": "error", "error": {"type": "x", "message": f"bad key {spelled}!"}}).encode()

    async def echo(request: web.BaseRequest) -> web.StreamResponse:
        headers = {
            "Content-Type": "application/json",
            "request-id": spelled,
            "anthropic-ratelimit-x": f"<{spelled}>",
            "x-other": spelled,
        }
        out = web.StreamResponse(status=status, headers=headers)
        await out.prepare(request)
        for at in range(len(body)):
            await out.write(body[at : at + 1])
        return out

    async with rigged(echo) as rig:
        async with rig.post() as answer:
            assert answer.status == status
            raw = await answer.read()
            shown = str(answer.headers) + raw.decode()
        assert b"bad key [redacted]!" in raw
        assert spelled not in shown + repr(rig.reports) + caplog.text + str(
            [record.__dict__ for record in caplog.records]
        )


async def test_the_key_never_comes_back_in_a_broken_answer(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def garble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nBroken " + KEY.encode() + b"\r\n" + head)
        writer.close()

    server = await asyncio.start_server(garble, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with rigged(base_url=f"http://127.0.0.1:{port}") as rig:
        async with rig.post() as answer:
            assert answer.status == 502
            text = await answer.text()
        reports = await rig.until(1)
        assert KEY not in text + repr(reports) + caplog.text + str(
            [record.__dict__ for record in caplog.records]
        )
    server.close()


@pytest.mark.parametrize("status", [401, 403, 429, 500, 529])
async def test_errors_of_the_far_side_pass_and_are_reported(status: int) -> None:
    async def refuse(request: web.BaseRequest) -> web.StreamResponse:
        body = {"type": "error", "error": {"type": "some_error", "message": "not today"}}
        return web.json_response(
            body, status=status, headers={"retry-after": "2", "set-cookie": "a=b", "x-should-retry": "true"}
        )

    async with rigged(refuse) as rig:
        async with rig.post() as answer:
            assert answer.status == status
            assert (await answer.json())["error"]["message"] == "not today"
            assert answer.headers["retry-after"] == "2"
            assert "set-cookie" not in answer.headers
        report = (await rig.until(1))[0]
    assert isinstance(report, ports.ModelRefused)
    assert (report.loop, report.status, report.why) == (LOOP, status, "not today")


async def test_a_far_side_that_is_not_there_is_said_in_words() -> None:
    async with rigged(base_url="http://127.0.0.1:9") as rig:
        async with rig.post() as answer:
            assert answer.status == 502
            error = (await answer.json())["error"]
        report = (await rig.until(1))[0]
    assert error["type"] == "api_error"
    assert "cannot be reached" in error["message"]
    assert isinstance(report, ports.ModelRefused)
    assert report.status == 0


async def test_a_redirect_is_not_followed() -> None:
    async def away(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": "/v1/elsewhere"})

    async with rigged(away) as rig:
        async with rig.post() as answer:
            assert answer.status == 502
        assert len(rig.far.seen) == 1


async def test_silence_before_the_first_byte_ends_in_504() -> None:
    async def silent(request: web.BaseRequest) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.Response()

    async with rigged(silent, first_byte_timeout=0.1) as rig:
        async with rig.post() as answer:
            assert answer.status == 504
            assert (await answer.json())["error"]["type"] == "timeout_error"
        assert isinstance((await rig.until(1))[0], ports.ModelRefused)
        async with asyncio.timeout(PATIENCE):
            await rig.far.gone.wait()


async def test_headers_without_a_body_count_as_silence() -> None:
    async def headers_only(request: web.BaseRequest) -> web.StreamResponse:
        out = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await out.prepare(request)
        await asyncio.sleep(30)
        return out

    async with rigged(headers_only, first_byte_timeout=0.1) as rig, rig.post() as answer:
        assert answer.status == 504


async def _reset(request: web.BaseRequest) -> web.StreamResponse:
    out = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await out.prepare(request)
    await out.write(b"".join(answer_events()[:3]))
    assert request.transport is not None
    request.transport.abort()
    return out


@pytest.mark.parametrize("behave", [stall, _reset])
async def test_a_stream_that_stops_is_cut_reported_and_metered(behave: Any) -> None:
    async with rigged(behave, idle_timeout=0.2) as rig:
        async with rig.post() as answer:
            assert answer.status == 200
            with pytest.raises(aiohttp.ClientError):
                await answer.read()
        reports = await rig.until(2)
    assert {type(report) for report in reports} == {ports.Metered, ports.ModelRefused}


async def test_an_error_told_inside_the_stream_is_reported() -> None:
    async def overloaded(request: web.BaseRequest) -> web.StreamResponse:
        told = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
        return await stream(request, [told])

    async with rigged(overloaded) as rig:
        async with rig.post() as answer:
            await answer.read()
        report = (await rig.until(1))[0]
    assert isinstance(report, ports.ModelRefused)
    assert (report.status, report.why) == (529, "Overloaded")


@pytest.mark.parametrize(
    "rest",
    [
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\n{}",
        b"Content-Length: 50\r\n\r\n{}",
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"X: " + b"y" * 20_000 + b"\r\n\r\n",
        b"\x00\xff\r\n\r\n",
    ],
)
async def test_broken_http_reaches_neither_the_far_side_nor_the_log(
    rest: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with rigged() as rig:
        reader, writer = await asyncio.open_unix_connection(str(rig.model))
        writer.write(b"POST /v1/messages HTTP/1.1\r\nHost: x\r\n" + rest)
        writer.write_eof()
        async with asyncio.timeout(PATIENCE):
            answer = await reader.read()
        writer.close()
        assert b"200" not in answer[:20]
        assert rig.far.seen == []
    assert [record for record in caplog.records if record.exc_info] == []
