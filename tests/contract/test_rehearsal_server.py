"""The rehearsal's server over real sockets: paths, keys, errors, broken answers, sessions that don't disturb each other."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from adapters.rehearsal import script
from adapters.rehearsal.server import Rehearsal
from core.errors import Unavailable
from tests.patience import PATIENCE

VERSION = {"anthropic-version": "2023-06-01"}
FAULTS = script.parse(
    """
    [[rule]]
    when.user = "limit"
    error = {status = 429, retry_after = 2, times = 2}
    [[rule]]
    when.user = "late overload"
    say = "0123456789"
    chunk = 2
    error = {status = 529, after = 4}
    [[rule]]
    when.user = "overload"
    error = {status = 529}
    [[rule]]
    when.user = "cut"
    say = "0123456789"
    chunk = 2
    error = {cut_after = 4, times = 1}
    [[rule]]
    when.user = "stall"
    say = "0123456789"
    error = {stall_after = 4}
    [[rule]]
    when.user = "garbage"
    error = {garbage = "<html>no</html>"}
    [[rule]]
    when.user = "slow"
    delay = 0.2
    pace = 0.01
    chunk = 1
    say = "slow"
    [[rule]]
    when.user = "(.*)"
    say = "heard {1}"
    """
)


@asynccontextmanager
async def client(model: Rehearsal) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(model.base_url, headers=VERSION) as session:
        yield session


def body(words: str, **more: object) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": words}], **more}


async def test_the_small_paths() -> None:
    async with Rehearsal(FAULTS) as model, client(model) as http:
        async with http.head("/") as answer:
            assert answer.status == 200
        async with http.get("/v1/models") as answer:
            found = await answer.json()
        async with http.get(f"/v1/models/{found['data'][0]['id']}") as answer:
            assert (await answer.json())["type"] == "model"
        async with http.post(
            "/v1/messages/count_tokens", json={"model": "m", "messages": body("x")["messages"]}
        ) as answer:
            assert (await answer.json())["input_tokens"] > 0
        async with http.post("/v1/complete", json={}) as answer:
            assert (answer.status, (await answer.json())["error"]["type"]) == (404, "not_found_error")
        async with http.get("/v1/messages") as answer:
            assert answer.status == 405
        async with http.post("/v1/messages?beta=true", json=body("you")) as answer:
            message = await answer.json()
        assert message["content"] == [{"type": "text", "text": "heard you"}]
        assert [one.status for one in model.requests] == [200, 200, 200, 404, 405, 200]
        assert len(model.messages()) == 2


async def test_a_model_that_is_not_listed_is_not_found() -> None:
    given = script.parse("[model]\nnames = ['a']\n[[rule]]\nsay = 'x'")
    async with Rehearsal(given) as model, client(model) as http:
        async with http.post("/v1/messages", json=body("x")) as answer:
            assert answer.status == 404
        async with http.post("/v1/messages", json=body("x", model="a")) as answer:
            assert answer.status == 200
        async with http.get("/v1/models/b") as answer:
            assert answer.status == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"x-api-key": "wrong"}, 401),
        ({"authorization": "Bearer wrong"}, 401),
        ({"authorization": "Basic right"}, 401),
        ({"x-api-key": "right"}, 200),
        ({"authorization": "Bearer right"}, 200),
    ],
)
async def test_a_key_is_asked_for_when_there_is_one(headers: dict[str, str], status: int) -> None:
    async with (
        Rehearsal(FAULTS, key="right") as model,
        client(model) as http,
        http.post("/v1/messages", json=body("x"), headers=headers) as answer,
    ):
        assert answer.status == status
        if status == 401:
            assert (await answer.json())["error"]["type"] == "authentication_error"


async def test_malformed_requests_are_refused_in_the_apis_words() -> None:
    async with Rehearsal(FAULTS) as model, client(model) as http:
        for data, words in [
            (b"{", "not valid JSON"),
            (b"\xff", "not valid JSON"),
            (b"[" * 100_000, "not valid JSON"),
            (b"{}", "Field required"),
        ]:
            async with http.post("/v1/messages", data=data) as answer:
                found = await answer.json()
                assert answer.status == 400
                assert found["type"] == "error"
                assert found["error"]["type"] == "invalid_request_error"
                assert words in found["error"]["message"]
                assert found["request_id"] == answer.headers["request-id"]
    async with (
        Rehearsal(FAULTS) as model,
        aiohttp.ClientSession(model.base_url) as http,
        http.post("/v1/messages", json=body("x")) as answer,
    ):
        assert "anthropic-version" in (await answer.json())["error"]["message"]


async def test_errors_come_as_often_as_asked_for_each_session() -> None:
    async with Rehearsal(FAULTS) as model, client(model) as http:

        async def ask(session: str) -> tuple[int, str | None]:
            headers = {"X-Claude-Code-Session-Id": session}
            async with http.post("/v1/messages", json=body("limit"), headers=headers) as answer:
                return answer.status, answer.headers.get("retry-after")

        async def attempts(session: str) -> list[tuple[int, str | None]]:
            return [await ask(session) for _ in range(4)]

        for seen in await asyncio.gather(*(attempts(f"s{n}") for n in range(20))):
            assert seen == [(429, "2"), (429, "2"), (200, None), (200, None)]
        async with http.post("/v1/messages", json=body("overload", stream=True)) as answer:
            assert (answer.status, (await answer.json())["error"]["type"]) == (529, "overloaded_error")
        async with http.post("/v1/messages", json=body("late overload", stream=True)) as answer:
            assert answer.status == 200
            assert (await answer.text()).count("text_delta") == 2
        async with http.post("/v1/messages", json=body("late overload")) as answer:
            assert answer.status == 529


async def test_answers_that_break() -> None:
    async with Rehearsal(FAULTS) as model, client(model) as http:
        for stream in (True, False):
            model.script = script.parse("[[rule]]\nsay = '0123456789'\nchunk = 2\nerror = {cut_after = 4}")
            async with http.post("/v1/messages", json=body("cut", stream=stream)) as answer:
                assert answer.status == 200
                with pytest.raises(aiohttp.ClientPayloadError):
                    await answer.read()
        model.script = FAULTS
        async with http.post("/v1/messages", json=body("garbage")) as answer:
            assert await answer.text() == "<html>no</html>"
        async with http.post("/v1/messages", json=body("stall", stream=True)) as answer:
            assert b"message_start" in await answer.content.readuntil(b"\n\n")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(answer.read(), 0.3)
        async with http.post("/v1/messages", json=body("slow", stream=True)) as answer:
            text = await answer.text()
        deltas = [json.loads(line[6:])["delta"] for line in text.splitlines() if '"text_delta"' in line]
        assert [delta["text"] for delta in deltas] == list("slow")


async def test_leaving_ends_a_stalled_answer() -> None:
    async with (
        asyncio.timeout(PATIENCE),
        Rehearsal(FAULTS) as model,
        client(model) as http,
        http.post("/v1/messages", json=body("stall", stream=True)) as answer,
    ):
        await answer.content.readuntil(b"\n\n")
        await model.__aexit__(None, None, None)


async def test_the_log_is_bounded_and_says_which_rule_answered() -> None:
    async with Rehearsal(FAULTS) as model, client(model) as http:
        async with http.post("/v1/messages", json=body("you"), headers={"x-api-key": "k"}) as answer:
            await answer.read()
        one = model.requests[-1]
        assert (one.method, one.path, one.rule, one.headers["x-api-key"]) == ("POST", "/v1/messages", 8, "k")
        assert one.body["messages"][0]["content"] == "you"
        assert one.at.tzinfo is not None
        assert model.requests.maxlen


async def test_a_port_that_is_taken_is_said() -> None:
    async with Rehearsal(FAULTS) as model:
        port = int(model.base_url.rpartition(":")[2])
        with pytest.raises(Unavailable, match=str(port)):
            async with Rehearsal(FAULTS, port=port):
                pass


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_runs_by_hand(tmp_path: Path, number: signal.Signals) -> None:
    written = tmp_path / "script.toml"
    written.write_text("[[rule]]\nsay = 'by hand'\n")
    command = [sys.executable, "-m", "adapters.rehearsal", str(written), "--key", "k"]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    address = (await process.stdout.readline()).decode().strip()
    async with (
        aiohttp.ClientSession(address, headers={**VERSION, "x-api-key": "k"}) as http,
        http.post("/v1/messages", json=body("x")) as answer,
    ):
        assert (await answer.json())["content"][0]["text"] == "by hand"
    process.send_signal(number)
    assert await process.wait() == 0


async def test_by_hand_a_bad_script_is_one_line(tmp_path: Path) -> None:
    written = tmp_path / "script.toml"
    written.write_text("[[rule]]\nsya = 'x'\n")
    command = [sys.executable, "-m", "adapters.rehearsal", str(written)]
    process = await asyncio.create_subprocess_exec(*command, stderr=subprocess.PIPE)
    _, told = await process.communicate()
    assert process.returncode == 1
    assert told.decode().count("\n") == 1
    assert "`say`" in told.decode()
