"""The rehearsal's wire: what it objects to, and streams that say exactly what the reply says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.rehearsal import blocks, checks, wire
from adapters.rehearsal.rules import Call, Fault, Model, Reply

Body = dict[str, Any]

USE = {"type": "tool_use", "id": "t1", "name": "Bash", "input": {}}
USE_2 = {**USE, "id": "t2"}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "x"}
RESULT_2 = {**RESULT, "tool_use_id": "t2"}
TEXT = {"type": "text", "text": "x"}
HELLO = {"role": "user", "content": "hello"}
CACHED = {**TEXT, "cache_control": {"type": "ephemeral"}}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


def body(*messages: object, **more: object) -> Body:
    return {"model": "m", "max_tokens": 4096, "messages": list(messages), **more}


def said(*blocks: object) -> Body:
    return {"role": "assistant", "content": list(blocks)}


def told(*blocks: object) -> Body:
    return {"role": "user", "content": list(blocks)}


@pytest.mark.parametrize(
    "good",
    [
        body(HELLO),
        body(HELLO, HELLO),
        body(HELLO, {"role": "system", "content": "env", "output_config": {"effort": "medium"}}),
        body(HELLO, said(TEXT, USE, USE_2), told(RESULT_2, RESULT, TEXT)),
        body(HELLO, said(USE), {"role": "system", "content": "x"}, told(RESULT)),
        body(HELLO, said(TEXT, USE), said(USE_2), told(RESULT), told(RESULT_2)),
        body(HELLO, said({"type": "thinking", "thinking": "a", "signature": blocks.signature("a")}), HELLO),
        body(HELLO, tools=[{"name": "a", "input_schema": {"type": "object"}}]),
        body(HELLO, tools=[{"name": "web_search", "type": "web_search_20250305"}]),
        body(HELLO, thinking={"type": "enabled", "budget_tokens": 2048}),
        body(HELLO, said(USE), told({**RESULT, "content": [{"type": "tool_reference", "tool_name": "a"}]})),
    ],
)
def test_what_the_api_takes_is_taken(good: Body) -> None:
    assert checks.objection(good) is None


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ([], "JSON object"),
        ({"model": "m", "messages": [HELLO]}, "max_tokens: Field required"),
        ({"max_tokens": 1, "messages": [HELLO]}, "model: Field required"),
        ({"model": "m", "max_tokens": 1}, "messages: Field required"),
        (body(), "messages: at least one message is required"),
        (body(HELLO, max_tokens=0), "max_tokens: Input should be greater"),
        (body(HELLO, max_tokens=True), "max_tokens: Input should be a valid integer"),
        (body(HELLO, extra=1), "extra: Extra inputs are not permitted"),
        (body(HELLO, stream="yes"), "stream: "),
        (body(HELLO, metadata="x"), "metadata: "),
        (body(HELLO, thinking={"type": "maybe"}), "thinking: Input tag 'maybe'"),
        (body(HELLO, thinking={"type": "enabled", "budget_tokens": 9000}), "`max_tokens` must be greater"),
        (body(HELLO, tools=[{"name": "a"}]), "tools.0.custom.input_schema: Field required"),
        (body(HELLO, tools=[{"name": "a b", "input_schema": {"type": "object"}}]), "tools.0.name"),
        (body(HELLO, tools=[{"name": "w", "type": "w1"}] * 2), "Tool names must be unique"),
        (body({"role": "robot", "content": "x"}), "messages.0.role"),
        (body({"role": "system", "content": "x"}, HELLO), 'Unexpected role "system"'),
        (body(said(TEXT), HELLO), 'first message must use the "user" role'),
        (body(HELLO, said(TEXT)), "prefill"),
        (body({"role": "user", "content": ""}), "messages.0: all messages must have non-empty content"),
        (body({"role": "user"}), "messages.0.content: Field required"),
        (body({**HELLO, "id": 1}), "messages.0.id: Extra inputs"),
        (
            body(told({"type": "text", "text": ""})),
            "messages.0.content.0: text content blocks must be non-empty",
        ),
        (body(told({"type": "song"})), "messages.0.content.0: Input tag 'song' found using 'type'"),
        (body(told(USE)), "messages.0.content.0: `tool_use` blocks can only be in `assistant` messages"),
        (body(HELLO, said(RESULT), HELLO), "`tool_result` blocks can only be in `user` messages"),
        (
            body(told(RESULT)),
            "messages.0.content: unexpected `tool_use_id` found in `tool_result` blocks: t1",
        ),
        (body(HELLO, said(USE), HELLO), "messages.1: `tool_use` ids were found without `tool_result`"),
        (body(HELLO, said(USE, USE_2), told(RESULT)), "immediately after: t2"),
        (body(HELLO, said(USE), told(TEXT, RESULT)), "immediately after: t1"),
        (body(HELLO, said(USE), told(RESULT), said(TEXT), told(RESULT)), "unexpected `tool_use_id`"),
        (body(HELLO, said(USE, USE), told(RESULT)), "`tool_use` ids must be unique"),
        (body(HELLO, said(USE), told(RESULT, RESULT)), "each tool_use must have a single result"),
        (body(HELLO, said({**USE, "id": "a b"}), told(RESULT)), "tool_use.id: String should match"),
        (
            body(HELLO, said({**USE, "input": "{}"}), told(RESULT)),
            "tool_use.input: Input should be a valid dict",
        ),
        (
            body(HELLO, said({"type": "thinking", "thinking": "a", "signature": "b"}), HELLO),
            "Invalid `signature`",
        ),
        (body(told(*[CACHED] * 5)), "A maximum of 4 blocks with cache_control may be provided. Found 5."),
    ],
)
def test_what_the_api_refuses_is_refused(bad: object, words: str) -> None:
    assert words in (checks.objection(bad) or "")


def test_counting_needs_no_max_tokens() -> None:
    assert checks.objection({"model": "m", "messages": [HELLO]}, counting=True) is None


@given(JSON, JSON, JSON, st.sampled_from(["messages", "tools", "system", "thinking", "metadata"]))
def test_no_body_makes_the_checks_fail(a: object, b: object, c: object, key: str) -> None:
    shapes: list[object] = [a, body(a, b), {**body(HELLO), key: c}, body({"role": "user", "content": a})]
    shapes += [
        body(told(a, {"type": b})),
        body(HELLO, said({**USE, "id": a, "input": b}), told({**RESULT, "content": c})),
    ]
    for shape in shapes:
        assert checks.objection(shape) is None or isinstance(checks.objection(shape), str)


def parsed(data: bytes) -> list[Body]:
    out = []
    for frame in data.decode().split("\n\n")[:-1]:
        kind, _, line = frame.partition("\n")
        event = json.loads(line.removeprefix("data: "))
        assert kind == f"event: {event['type']}"
        out.append(event)
    return out


def sent(reply: Reply, asked: Body) -> bytes:
    steps = wire.stream(reply, asked, message="ab", model=Model())
    return b"".join(step.data for step in steps if isinstance(step, wire.Send))


def rejoined(events: list[Body]) -> list[Body]:
    """Build the content again, as a client would."""
    content: list[Body] = []
    partial = ""
    for event in events:
        match event["type"]:
            case "content_block_start":
                content.append(dict(event["content_block"]))
                partial = ""
                assert event["index"] == len(content) - 1
            case "content_block_delta":
                for key, value in event["delta"].items():
                    match key:
                        case "partial_json":
                            partial += value
                        case "type":
                            pass
                        case _:
                            content[-1][key] += value
            case "content_block_stop" if content[-1]["type"] == "tool_use":
                content[-1]["input"] = json.loads(partial or "{}")
            case _:
                pass
    return content


WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
INPUTS = st.dictionaries(
    WORDS, st.recursive(WORDS | st.integers(), lambda x: st.lists(x, max_size=3)), max_size=3
)


@given(WORDS, WORDS, st.lists(INPUTS, max_size=3), st.integers(1, 20), st.booleans())
def test_a_stream_says_what_the_whole_answer_says(
    say: str, thinking: str, inputs: list[Body], chunk: int, thinks: bool
) -> None:
    tools = tuple(Call(name="T", input=each) for each in inputs)
    reply = Reply(say=say, thinking=thinking, tools=tools, chunk=chunk)
    asked = body(HELLO, thinking={"type": "adaptive"}) if thinks else body(HELLO)
    whole: Body = wire.whole(reply, asked, message="ab", model=Model())
    events = parsed(sent(reply, asked))
    assert rejoined(events) == whole["content"]
    assert [block["text"] for block in whole["content"] if block["type"] == "text"] == [say] * bool(say)
    assert [block["input"] for block in whole["content"] if block["type"] == "tool_use"] == inputs
    assert [event["type"] for event in (events[0], *events[-2:])] == [
        "message_start",
        "message_delta",
        "message_stop",
    ]
    assert (
        events[-2]["delta"]["stop_reason"] == whole["stop_reason"] == ("tool_use" if inputs else "end_turn")
    )
    assert events[-2]["usage"] == whole["usage"]
    if whole["content"]:
        back = body(
            HELLO, {"role": "assistant", "content": whole["content"]}, told(*answers(whole["content"]))
        )
        assert checks.objection(back) is None


def answers(content: list[Body]) -> list[Body]:
    calls = [block["id"] for block in content if block["type"] == "tool_use"]
    return [{"type": "tool_result", "tool_use_id": call, "content": "x"} for call in calls] or [TEXT]


@given(st.integers(0, 30), st.integers(1, 7))
def test_a_stream_breaks_where_it_was_told_to(after: int, chunk: int) -> None:
    say = "abcdefghijklmnopqrst"
    whole = sent(Reply(say=say, chunk=chunk), body(HELLO))
    cut = list(
        wire.stream(
            Reply(say=say, chunk=chunk, fault=Fault(cut_after=after)),
            body(HELLO),
            message="ab",
            model=Model(),
        )
    )
    assert cut[-1] == wire.Drop()
    data = b"".join(step.data for step in cut if isinstance(step, wire.Send))
    assert whole.startswith(data)
    assert not data.endswith(b"\n\n")
    heard = "".join(
        event["delta"]["text"] for event in parsed(data[: data.rfind(b"\n\n") + 2]) if "delta" in event
    )
    assert min(after, len(say)) - chunk < len(heard) <= after

    failing = sent(Reply(say=say, chunk=chunk, fault=Fault(status=529, after=after)), body(HELLO))
    assert parsed(failing)[-1] == {
        "type": "error",
        "error": {"type": "overloaded_error", "message": "Overloaded"},
    }

    stalled = Reply(say=say, chunk=chunk, fault=Fault(stall_after=after, seconds=3))
    steps = list(wire.stream(stalled, body(HELLO), message="ab", model=Model()))
    assert steps.count(wire.Pause(3)) == 1
    assert sent(stalled, body(HELLO)) == whole


def test_usage_is_an_estimate_or_what_the_script_says() -> None:
    asked = body(told({"type": "text", "text": "x" * 4000}))
    reply = Reply(say="y" * 400)
    assert wire.usage(Model(), asked, reply).table() == {
        "input_tokens": wire.input_tokens(asked),
        "output_tokens": 100,
        "cache_read_input_tokens": 0,
        "cache_creation_input_tokens": 0,
    }
    assert 1000 <= wire.input_tokens(asked) < 1100
    fixed = wire.usage(
        Model(input_tokens=1, output_tokens=2, cache_read_tokens=3, cache_write_tokens=4), asked, reply
    )
    assert fixed == wire.Usage(input_tokens=1, output_tokens=2, cache_read_tokens=3, cache_write_tokens=4)
