"""The spelling of answers. Owns: Send, Pause, Drop, stream, whole, failure, estimate. Imports: json, rules, blocks. Effects: none.

A stream is a list of steps that the server carries out: bytes to send, pauses, a connection to drop.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.rehearsal import blocks
from adapters.rehearsal.rules import Fault, Model, Reply

PER_TOKEN = 4  # characters
TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
WORDS = {
    401: "invalid x-api-key",
    429: "This request would exceed your rate limit. Please try again later.",
    500: "Internal server error",
    529: "Overloaded",
}

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Send:
    """Bytes to send."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Pause:
    """Silence for so many seconds; None: until the other side goes away."""

    seconds: float | None


@dataclass(frozen=True, slots=True)
class Drop:
    """The connection closes without the end of the body."""


Step = Send | Pause | Drop


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Token counts of one answer."""

    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int

    def table(self, *, output: int | None = None) -> dict[str, int]:
        """Return the counts under the API's names; `output` replaces the last."""
        return {
            "input_tokens": self.input_tokens,
            "cache_creation_input_tokens": self.cache_write_tokens,
            "cache_read_input_tokens": self.cache_read_tokens,
            "output_tokens": self.output_tokens if output is None else output,
        }


def failure(
    status: int, message: str = "", *, kind: str = "", request: str | None = None
) -> dict[str, object]:
    """Return the API's error body for an HTTP status; `request` is the request's id."""
    error = {
        "type": kind or TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error"),
        "message": message or WORDS.get(status, "The rehearsal script asked for this error."),
    }
    return {"type": "error", "error": error, **({"request_id": request} if request else {})}


def estimate(value: object) -> int:
    """Return the tokens of a JSON value: its characters over four, at least one."""
    return max(1, len(json.dumps(value, ensure_ascii=False)) // PER_TOKEN)


def input_tokens(body: Body) -> int:
    """Return the tokens of a request: system prompt, tools and messages."""
    return estimate([body.get("system"), body.get("tools"), body["messages"]])


def usage(model: Model, body: Body, reply: Reply) -> Usage:
    """Return the counts that the script sets, or their estimate."""
    spoken = sum(len(words) for _, words in parts(reply, body))
    return Usage(
        input_tokens=input_tokens(body) if model.input_tokens is None else model.input_tokens,
        output_tokens=max(1, spoken // PER_TOKEN) if model.output_tokens is None else model.output_tokens,
        cache_read_tokens=model.cache_read_tokens,
        cache_write_tokens=model.cache_write_tokens,
    )


def parts(reply: Reply, body: Body, *, message: str = "") -> list[tuple[dict[str, Any], str]]:
    """Return the content blocks, empty as a stream starts them, each with the characters that fill it."""
    out: list[tuple[dict[str, Any], str]] = []
    if reply.thinking and (body.get("thinking") or {}).get("type") in {"enabled", "adaptive"}:
        out.append(({"type": "thinking", "thinking": "", "signature": ""}, reply.thinking))
    if reply.say:
        out.append(({"type": "text", "text": ""}, reply.say))
    for number, call in enumerate(reply.tools):
        block = {"type": "tool_use", "id": f"toolu_{message}{number:02d}", "name": call.name, "input": {}}
        out.append((block, json.dumps(call.input, ensure_ascii=False)))
    return out


def whole(reply: Reply, body: Body, *, message: str, model: Model) -> dict[str, object]:
    """Return the answer in one JSON object. `message` is the answer's own id: hex digits, never used before."""
    content: list[dict[str, Any]] = []
    for block, words in parts(reply, body, message=message):
        match block["type"]:
            case "tool_use":
                content.append({**block, "input": json.loads(words)})
            case "thinking":
                content.append({**block, "thinking": words, "signature": blocks.signature(words)})
            case _:
                content.append({**block, "text": words})
    return envelope(reply, body, message=message, content=content, stop=stop_reason(reply)) | {
        "usage": usage(model, body, reply).table()
    }


def envelope(
    reply: Reply, body: Body, *, message: str, content: list[dict[str, Any]], stop: str | None
) -> dict[str, object]:
    """Return the message object around content."""
    return {
        "id": f"msg_{message}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
    }


def stop_reason(reply: Reply) -> str:
    """Return why the answer ends."""
    return "tool_use" if reply.tools else "end_turn"


def body_steps(reply: Reply, body: Body, *, message: str, model: Model) -> Iterator[Step]:
    """Yield the answer without streaming as steps, with the reply's fault. `message` as in `whole`."""
    data = json.dumps(whole(reply, body, message=message, model=model), ensure_ascii=False).encode(
        errors="replace"
    )
    if reply.fault is not None and reply.fault.stall_after is not None:
        yield Pause(reply.fault.seconds)
    if reply.fault is not None and reply.fault.cut_after is not None:
        yield Send(data[: len(data) // 2])
        yield Drop()
        return
    yield Send(data)


def stream(reply: Reply, body: Body, *, message: str, model: Model) -> Iterator[Step]:
    """Yield the answer as steps of a stream, with the reply's fault at its place. `message` as in `whole`."""
    sent = 0
    fault = reply.fault
    for kind, data, characters in events(reply, body, message=message, model=model):
        limit = breaks_at(fault)
        if fault is not None and limit is not None and (sent + characters > limit or kind == "message_delta"):
            yield from broken(fault, data)
            if fault.stall_after is None:
                return
            fault = None
        if characters and reply.pace:
            yield Pause(reply.pace)
        sent += characters
        yield Send(data)


def breaks_at(fault: Fault | None) -> int | None:
    """Return after how many characters a stream breaks, or None."""
    if fault is None:
        return None
    return next((at for at in (fault.cut_after, fault.stall_after, fault.after) if at is not None), None)


def broken(fault: Fault, data: bytes) -> Iterator[Step]:
    """Yield what happens at the break, where `data` would have been next. A cut falls inside an event."""
    if fault.cut_after is not None:
        yield Send(data[: len(data) // 2])
        yield Drop()
    elif fault.stall_after is not None:
        yield Pause(fault.seconds)
    else:
        error = failure(fault.status or 500, fault.message)["error"]
        yield Send(event("error", error=error))


def events(reply: Reply, body: Body, *, message: str, model: Model) -> Iterator[tuple[str, bytes, int]]:
    """Yield a stream's events: (type, bytes, characters of the answer in it)."""

    def spell(kind: str, characters: int = 0, **fields: object) -> tuple[str, bytes, int]:
        return kind, event(kind, **fields), characters

    counts = usage(model, body, reply)
    start = envelope(reply, body, message=message, content=[], stop=None)
    yield spell("message_start", message={**start, "usage": counts.table(output=1)})
    for index, (block, words) in enumerate(parts(reply, body, message=message)):
        yield spell("content_block_start", index=index, content_block=block)
        if index == 0:
            yield spell("ping")
        for characters, delta in deltas(block["type"], words, reply.chunk):
            yield spell("content_block_delta", characters, index=index, delta=delta)
        yield spell("content_block_stop", index=index)
    ending = {"stop_reason": stop_reason(reply), "stop_sequence": None}
    yield spell("message_delta", delta=ending, usage=counts.table())
    yield spell("message_stop")


def deltas(kind: str, words: str, size: int) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield a block's deltas with their characters. A tool's input starts with an empty one, thinking ends with its signature."""
    chunks = [words[at : at + size] for at in range(0, len(words), size)]
    match kind:
        case "tool_use":
            yield from ((len(c), {"type": "input_json_delta", "partial_json": c}) for c in ["", *chunks])
        case "thinking":
            yield from ((len(c), {"type": "thinking_delta", "thinking": c}) for c in chunks)
            yield 0, {"type": "signature_delta", "signature": blocks.signature(words)}
        case _:
            yield from ((len(c), {"type": "text_delta", "text": c}) for c in chunks)


def event(kind: str, **fields: object) -> bytes:
    """Spell one server-sent event."""
    data = json.dumps({"type": kind, **fields}, ensure_ascii=False, separators=(",", ":"))
    return f"event: {kind}\ndata: {data}\n\n".encode(errors="replace")
