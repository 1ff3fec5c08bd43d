"""The model's door, over real sockets."""

from __future__ import annotations

import asyncio
import io
import json
from typing import Any

import pytest
from aiohttp import web

from adapters.gateway import model as doors
from core import errors, ports
from tests.contract.gateway_rig import ASK, KEY, LOOP, RealClock, answer_events, rigged, stream, until, well
from tests.patience import PATIENCE


async def test_bytes_pass_untouched_and_are_metered() -> None:
    async with rigged() as rig:
        async with rig.post() as answer:
            assert answer.status == 200
            assert await answer.read() == b"".join(answer_events())
            assert answer.headers["request-id"] == "req_1"
        report = (await rig.until(1))[0]
    assert isinstance(report, ports.Metered)
    assert (report.loop, report.request, report.model) == (LOOP, "req_1", "claude-sonnet-5-5")
    assert (report.input_tokens, report.output_tokens) == (100, 20)
    assert report.cost_usd == pytest.approx((100 * 2 + 20 * 10) / 1_000_000)
    assert report.at.tzinfo is not None


async def test_an_answer_is_metered_before_the_client_has_the_whole_of_it() -> None:
    over = asyncio.Event()

    async def lingering(request: web.BaseRequest) -> web.StreamResponse:
        out = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await out.prepare(request)
        await out.write(b"".join(answer_events()))
        await over.wait()
        await out.write_eof()
        return out

    async with rigged(lingering) as rig, rig.post() as answer:
        assert isinstance((await rig.until(1))[0], ports.Metered)
        over.set()
        assert await answer.read() == b"".join(answer_events())
    assert len(rig.reports) == 1


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [("x-api-key", "x-api-key", KEY), ("bearer", "authorization", f"Bearer {KEY}")],
)
async def test_the_hosts_key_replaces_the_clients(auth: str, header: str, value: str) -> None:
    headers = {
        "x-api-key": "the-clients-own",
        "Authorization": "Bearer the-clients-own",
        "Proxy-Authorization": "x",
        "Cookie": "a=b",
        "Host": "evil.example",
        "X-Forwarded-For": "1.2.3.4",
        "Accept-Encoding": "gzip",
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "some-beta",
        "X-Stainless-Lang": "js",
    }
    async with rigged(auth=auth) as rig:
        async with rig.post(headers=headers) as answer:
            await answer.read()
        path, seen, body = rig.far.seen[0]
        host = rig.far.url.removeprefix("http://")
    assert path == "/v1/messages?beta=true"
    assert json.loads(body) == ASK
    assert seen[header] == value
    assert "the-clients-own" not in str(seen)
    assert seen["host"] == host
    assert seen["accept-encoding"] == "identity"
    assert (seen["anthropic-version"], seen["anthropic-beta"], seen["x-stainless-lang"]) == (
        "2023-06-01",
        "some-beta",
        "js",
    )
    assert not {"cookie", "proxy-authorization", "x-forwarded-for"} & set(seen)


async def test_a_base_url_keeps_its_path() -> None:
    async with rigged() as rig, rigged(base_url=f"{rig.far.url}/team/a/") as other:
        async with other.post("/v1/messages/count_tokens") as answer:
            await answer.read()
        assert rig.far.seen[0][0] == "/team/a/v1/messages/count_tokens"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/messages"),
        ("POST", "/v1/files"),
        ("GET", "/v1/files"),
        ("POST", "/v1/messages/batches"),
        ("POST", "/v1/messages/"),
        ("POST", "/v1/messages/../files"),
        ("POST", "//v1/messages"),
        ("POST", "/v1/%6dessages"),
        ("POST", "/v1/messages?beta=true&x=1"),
        ("POST", "/v1/messages?beta=true#x"),
        ("POST", "http://api.example/v1/files"),
        ("POST", "/v1/organizations/api_keys"),
        ("PUT", "/v1/messages"),
        ("CONNECT", "evil.example:443"),
        ("HEAD", "/"),
    ],
)
async def test_every_other_path_is_closed(method: str, path: str) -> None:
    async with rigged() as rig:
        reader, writer = await asyncio.open_unix_connection(str(rig.model))
        writer.write(
            f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode()
        )
        answer = await reader.read()
        writer.close()
        assert answer.split(b" ")[1] in {b"403", b"400"}
        if method != "HEAD":
            assert json.loads(answer.partition(b"\r\n\r\n")[2])["type"] == "error"
        assert rig.far.seen == []


async def test_chunks_go_on_as_they_arrive() -> None:
    go = asyncio.Event()

    async def slow(request: web.BaseRequest) -> web.StreamResponse:
        out = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await out.prepare(request)
        await out.write(b"data: first\n\n")
        await go.wait()
        await out.write(b"data: second\n\n")
        return out

    async with rigged(slow) as rig, rig.post() as answer:
        assert await answer.content.readany() == b"data: first\n\n"
        go.set()
        assert await answer.content.readany() == b"data: second\n\n"


async def test_a_client_that_goes_away_ends_the_work_upstream_and_pays_for_what_it_saw() -> None:
    async def endless(request: web.BaseRequest) -> web.StreamResponse:
        return await stream(request, answer_events()[:3] * 1000, pause=0.01)

    async with rigged(endless) as rig:
        answer = await rig.post()
        await answer.content.readany()
        answer.close()
        async with asyncio.timeout(PATIENCE):
            await rig.far.gone.wait()
        report = (await rig.until(1))[0]
    assert isinstance(report, ports.Metered)
    assert report.input_tokens == 100


async def test_a_client_that_leaves_before_the_first_byte_pays_an_estimate() -> None:
    async def silent(request: web.BaseRequest) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.Response()

    async with rigged(silent) as rig:
        asking = asyncio.create_task(rig.post().__aenter__())
        await until(lambda: bool(rig.far.seen))
        asking.cancel()
        report = (await rig.until(1))[0]
        async with asyncio.timeout(PATIENCE):
            await rig.far.gone.wait()
    assert isinstance(report, ports.Metered)
    assert (report.model, report.output_tokens) == ("claude-sonnet-5-5", 0)
    assert report.cache_read_tokens > 0


async def test_the_connection_upstream_is_kept() -> None:
    async with rigged() as rig:
        for _ in range(5):
            async with rig.post() as answer:
                await answer.read()
        assert len(rig.far.connections) == 1


async def test_a_spent_budget_closes_the_door_until_more_is_granted() -> None:
    async with rigged(budget=0.0005) as rig:
        for expected in (200, 200, 402):
            async with rig.post() as answer:
                assert answer.status == expected
                text = await answer.text()
        assert "budget is spent" in text
        assert len(rig.far.seen) == 2
        await rig.open(1.0)
        async with rig.post() as answer:
            assert answer.status == 200
            await answer.read()


async def test_too_large_a_request_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "MAX_BODY", 1000)

    async def pieces() -> Any:
        for _ in range(100):
            yield b"x" * 100

    async with rigged() as rig:
        async with rig.post(body={"x": "y" * 2000}) as answer:
            assert answer.status == 413
        async with rig.client.post("http://localhost/v1/messages", data=pieces()) as answer:
            assert answer.status == 413
        assert rig.far.seen == []


async def test_a_request_that_reaches_out_is_refused() -> None:
    async with rigged() as rig:
        async with rig.post(
            body={**ASK, "mcp_servers": [{"type": "url", "url": "https://evil.example"}]}
        ) as answer:
            assert answer.status == 400
            assert "MCP" in (await answer.json())["error"]["message"]
        assert rig.far.seen == []


async def test_a_big_request_passes_whole() -> None:
    async with rigged() as rig:
        big = {**ASK, "messages": [{"role": "user", "content": "é" * (2 << 20)}]}
        data = io.BytesIO(json.dumps(big).encode())
        async with rig.client.post("http://localhost/v1/messages", data=data) as answer:
            assert answer.status == 200
            await answer.read()
        assert json.loads(rig.far.seen[0][2]) == big


async def test_one_loop_has_only_so_many_requests_at_once() -> None:
    at_once, most = 0, 0
    go = asyncio.Event()

    async def hold(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await go.wait()
        at_once -= 1
        return await well(request)

    async def ask(rig: Any) -> int:
        async with rig.post() as answer:
            await answer.read()
            return int(answer.status)

    async with rigged(hold) as rig:
        asks = [asyncio.create_task(ask(rig)) for _ in range(20)]
        await until(lambda: most >= doors.MAX_AT_ONCE)
        await asyncio.sleep(0.1)
        assert most == doors.MAX_AT_ONCE
        go.set()
        assert await asyncio.gather(*asks) == [200] * 20


async def test_slow_reports_hold_nothing_up_and_are_delivered_on_leaving() -> None:
    reports: list[ports.GatewayReport] = []
    go = asyncio.Event()

    async def slow(report: ports.GatewayReport) -> None:
        await go.wait()
        reports.append(report)

    async with rigged(report=slow) as rig:
        for _ in range(10):
            async with rig.post() as answer:
                await answer.read()
        assert reports == []
        go.set()
    assert len(reports) == 10


async def test_a_failing_report_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    tries: list[ports.GatewayReport] = []

    class Hasty(RealClock):
        async def sleep(self, seconds: float) -> None:
            await asyncio.sleep(0)

    async def fail(report: ports.GatewayReport) -> None:
        tries.append(report)
        if len(tries) < 3:
            raise errors.Unavailable("the store is busy")

    async with rigged(report=fail, clock=Hasty()) as rig, rig.post() as answer:
        await answer.read()
    assert len(tries) == 3
    assert len({id(report) for report in tries}) == 1
