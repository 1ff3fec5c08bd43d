"""Metering, redaction and the judging of request bodies, all pure."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

import pytest

from adapters.gateway import body, meter, prices, redaction

MESSAGE = {
    "id": "msg_1",
    "model": "claude-opus-5-5",
    "usage": {
        "input_tokens": 10,
        "cache_read_input_tokens": 1000,
        "cache_creation_input_tokens": 200,
        "cache_creation": {"ephemeral_5m_input_tokens": 150, "ephemeral_1h_input_tokens": 50},
        "output_tokens": 1,
    },
}
START = {"type": "message_start", "message": MESSAGE}
TEXT = {
    "type": "content_block_delta",
    "index": 0,
    "delta": {"type": "text_delta", "text": 'says "usage" ' * 30},
}
END = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 77}}


def counting(content_type: str) -> meter.Meter:
    counter = meter.Meter()
    counter.begin(content_type)
    return counter


def verdict(raw: bytes) -> str:
    return body.judge(raw).why


def sse(*events: Mapping[str, object], newline: str = "\n") -> bytes:
    return "".join(
        f"event: {e['type']}{newline}data: {json.dumps(e)}{newline}{newline}" for e in events
    ).encode()


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("size", [1, 2, 7, 64, 100_000])
def test_usage_is_read_from_a_stream_in_any_pieces(size: int, newline: str) -> None:
    stream = sse(START, TEXT, END, newline=newline)
    counter = counting("text/event-stream; charset=utf-8")
    for at in range(0, len(stream), size):
        counter.feed(stream[at : at + size])
    usage = counter.finish()
    assert usage is not None
    assert (usage.model, usage.input_tokens, usage.output_tokens) == ("claude-opus-5-5", 10, 77)
    assert (usage.cache_read_tokens, usage.cache_write_tokens, usage.cache_write_hour_tokens) == (
        1000,
        200,
        50,
    )
    dollars = (10 * 4 + 77 * 20 + 1000 * 0.2 + 150 * 5 + 50 * 8) / 1_000_000
    assert meter.cost(usage, prices.PRICES) == pytest.approx(dollars)


def test_a_cut_stream_has_its_output_estimated() -> None:
    counter = counting("text/event-stream")
    counter.feed(sse(START, TEXT, TEXT))
    usage = counter.finish()
    assert usage is not None
    assert usage.output_tokens > 100


def test_usage_is_read_from_json() -> None:
    counter = counting("application/json")
    raw = json.dumps({**MESSAGE, "type": "message"}).encode()
    counter.feed(raw[:20])
    counter.feed(raw[20:])
    usage = counter.finish()
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens) == (10, 1)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"data: [",
        b'data: {"type":"message_start","message":[],"usage":1}\n',
        b"data: " + b"[" * 9999 + b'"usage"\n',
        b"\xff\n" * 9,
    ],
)
def test_what_cannot_be_read_counts_as_nothing(raw: bytes) -> None:
    for kind in ("text/event-stream", "application/json"):
        counter = counting(kind)
        counter.feed(raw)
        assert counter.finish() is None


def test_hostile_counts_cannot_lower_the_sum() -> None:
    counter = counting("text/event-stream")
    counter.feed(
        sse(
            START,
            {
                "type": "message_delta",
                "usage": {"output_tokens": -5, "input_tokens": True, "cache_creation": 3},
            },
        )
    )
    usage = counter.finish()
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens) == (10, 1)


def test_a_line_without_end_is_not_kept() -> None:
    counter = counting("text/event-stream")
    for _ in range(40):
        counter.feed(b"x" * 100_000)
    counter.feed(b"\n" + sse(START))
    usage = counter.finish()
    assert usage is not None
    assert usage.input_tokens == 10


def test_an_error_told_in_the_stream_is_noticed() -> None:
    counter = counting("text/event-stream")
    counter.feed(sse({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}))
    assert counter.finish() is None
    assert (counter.error, counter.error_message) == ("overloaded_error", "Overloaded")


def test_an_abandoned_request_is_estimated_once() -> None:
    counter = meter.Meter()
    counter.abandon("claude-opus-5-5", 4000)
    usage = counter.finish()
    assert usage is not None
    assert (usage.model, usage.cache_read_tokens, usage.output_tokens) == ("claude-opus-5-5", 1000, 0)
    counter = counting("text/event-stream")
    counter.feed(sse(START))
    counter.abandon("claude-opus-5-5", 4000)
    usage = counter.finish()
    assert usage is not None
    assert (usage.input_tokens, usage.cache_read_tokens) == (10, 1000)
    assert usage.message == "msg_1"


@pytest.mark.parametrize(
    ("model", "dollars"),
    [
        ("claude-opus-5-5", 24),
        ("claude-opus-4-8", 30),
        ("claude-opus-4-1-20250805", 90),
        ("claude-opus-4-20250514", 90),
        ("claude-sonnet-4-5-20250929", 18),
        ("claude-sonnet-5-5[1m]", 12),
        ("claude-haiku-4-5-20251001", 6),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", 6),
        ("anthropic/claude-sonnet-5", 12),
        ("claude-next-9", 30),
        ("qwen3", 30),
    ],
)
def test_the_longest_prefix_prices_a_model(model: str, dollars: float) -> None:
    usage = meter.Usage(model=model, input_tokens=1_000_000, output_tokens=1_000_000)
    assert meter.cost(usage, prices.PRICES) == pytest.approx(dollars)


def test_prompt_length_speed_and_searches_change_the_price() -> None:
    short = meter.Usage(model="claude-haiku-5-5", input_tokens=100_000)
    long = meter.Usage(model="claude-haiku-5-5", input_tokens=100_001)
    assert meter.cost(short, prices.PRICES) == pytest.approx(0.01)
    assert meter.cost(long, prices.PRICES) == pytest.approx(0.0500005)
    fast = meter.Usage(model="claude-opus-5-5", output_tokens=1_000_000, fast=True, searches=3)
    assert meter.cost(fast, prices.PRICES) == pytest.approx(40.03)


KEY = "sk-ant-api03-AbC/+=xyz"


@pytest.mark.parametrize(
    "spelled", [KEY.encode(), base64.b64encode(KEY.encode()).rstrip(b"="), b"sk-ant-api03-AbC%2F%2B%3Dxyz"]
)
def test_the_key_is_hidden_wherever_the_pieces_are_cut(spelled: bytes) -> None:
    whole = b"before sk-ant-" + spelled + b" after " + spelled + b"sk-a"
    for cut in range(len(whole)):
        redactor = redaction.Redactor(KEY)
        out = redactor.feed(whole[:cut]) + redactor.feed(whole[cut:]) + redactor.rest()
        assert spelled not in out
        assert out.startswith(b"before sk-ant-[redacted]")
        assert out.endswith(b"[redacted]sk-a")
    redactor = redaction.Redactor(KEY)
    out = b"".join(redactor.feed(whole[at : at + 1]) for at in range(len(whole))) + redactor.rest()
    assert spelled not in out


def test_other_bytes_pass_untouched_and_at_once() -> None:
    redactor = redaction.Redactor(KEY)
    assert redactor.feed(b"\x00\xffdata: hello\n") == b"\x00\xffdata: hello\n"
    for no_key in ("", "word", "rehearsal"):
        assert redaction.Redactor(no_key).feed(b"a word in rehearsal") == b"a word in rehearsal"


def messages(*content: object, **more: object) -> bytes:
    return json.dumps(
        {"model": "m", "messages": [{"role": "user", "content": list(content)}], **more}
    ).encode()


def test_ordinary_requests_pass() -> None:
    inline = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}
    call = {
        "type": "tool_use",
        "id": "t",
        "name": "x",
        "input": {"source": {"type": "url", "url": "https://a.org"}},
    }
    result = {
        "type": "tool_result",
        "tool_use_id": "t",
        "content": [inline, {"type": "text", "text": '"source":{"type":"url"}'}],
    }
    tools = [{"type": "web_search_20250305", "name": "web_search"}, {"name": "Bash", "input_schema": {}}]
    assert verdict(messages(inline, call, result, tools=tools, system=[{"type": "text", "text": "hi"}])) == ""
    assert verdict(b'{"messages":[{"role":"user","content":"hi"}]}') == ""


URL = {"type": "url", "url": "https://evil.example/?secret"}


@pytest.mark.parametrize(
    "raw",
    [
        messages({"type": "image", "source": URL}),
        messages({"type": "document", "source": URL}),
        messages({"type": "document", "source": {"type": "file", "file_id": "file_1"}}),
        messages({"type": "tool_result", "tool_use_id": "t", "content": [{"type": "image", "source": URL}]}),
        messages(
            {"type": "document", "source": {"type": "content", "content": [{"type": "image", "source": URL}]}}
        ),
        messages({"type": "container_upload", "file_id": "file_1"}),
        messages(system=[{"type": "document", "source": URL}]),
        messages(mcp_servers=[{"type": "url", "url": "https://evil.example", "name": "x"}]),
        messages(tools=[{"type": "web_fetch_20250910", "name": "web_fetch"}]),
        messages({"type": "image", "source": URL}).replace(b'"url"', b'"\\u0075rl"'),
        b'{"messages":[],"mcp_servers":[{"url":"x"}],"mcp_servers":[]}',
        messages().decode().encode("utf-16"),
        b"\xef\xbb\xbf" + messages(),
        b"\x1f\x8b\x08\x00",
        b"[" * 100_000,
        b'{"messages":[' + b"{}," * body.MAX_PARTS + b"1]}",
        b"[]",
        b"",
    ],
)
def test_a_request_that_reaches_out_on_the_far_side_is_refused(raw: bytes) -> None:
    assert verdict(raw)


def test_nesting_without_end_is_refused() -> None:
    block: dict[str, object] = {"type": "text", "text": "x"}
    for _ in range(20):
        block = {"type": "tool_result", "tool_use_id": "t", "content": [block]}
    assert verdict(messages(block))
