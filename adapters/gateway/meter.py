"""Reads what an answer used, while it passes by. Owns: Usage, Meter, cost. Imports: json, prices. Effects: none.

The bytes belong to somebody else: a Meter only looks. Whatever it cannot read, it counts as nothing and says nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.gateway import prices

MAX_LINE = 1 << 20  # a line with usage or an error is far shorter
MAX_JSON = 8 << 20
MILLION = 1_000_000
_DELTA_FRAME = 95  # bytes of JSON around the text of one delta
_BYTES_PER_TOKEN = 4


@dataclass(slots=True, kw_only=True)
class Usage:
    """Counts of tokens. `cache_write_tokens` holds both kinds, `cache_write_hour_tokens` the dearer part of them."""

    model: str = ""
    message: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_hour_tokens: int = 0
    searches: int = 0
    times: float = 1.0
    fast: bool = False


def cost(usage: Usage, table: Mapping[str, prices.Price]) -> float:
    """Return what the counts come to, in dollars."""
    price = prices.lookup(usage.model, table)
    read = price.input * 0.1 if price.cache_read is None else price.cache_read
    write = price.input * 1.25 if price.cache_write is None else price.cache_write
    hour = price.input * 2 if price.cache_write_hour is None else price.cache_write_hour
    prompt = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens
    times = usage.times * (price.fast if usage.fast else 1.0)
    if price.long_over is not None and prompt > price.long_over:
        times *= price.long_times
    tokens = (
        usage.input_tokens * price.input
        + usage.output_tokens * price.output
        + usage.cache_read_tokens * read
        + (usage.cache_write_tokens - usage.cache_write_hour_tokens) * write
        + usage.cache_write_hour_tokens * hour
    )
    return tokens * times / MILLION + usage.searches * prices.SEARCH_USD


class Meter:
    """Tell it the answer's kind, feed it the bytes in any pieces; `finish` gives the counts, `error` what went wrong."""

    def __init__(self) -> None:
        self._stream = False
        self._buffer = bytearray()
        self._skipping = False
        self._delta_bytes = 0
        self._usage = Usage()
        self._seen = False
        self._ended = False
        self.whole = False  # a stream has said that it is over
        self.told = False  # its counts were reported
        self.error = ""  # the type of an error told inside the stream, such as overloaded_error
        self.error_message = ""
        self.request = ""  # the far side's id of the request

    def begin(self, content_type: str) -> None:
        """Take note of what kind of answer follows."""
        self._stream = content_type.strip().lower().startswith("text/event-stream")

    def abandon(self, model: str, sent: int) -> None:
        """Count a request of `sent` bytes whose client left before the far side said what it used.

        It is paid for all the same. A session sends mostly what is cached already, so all of it counts as that.
        """
        if not self._seen:
            self._seen = self._ended = True
            self._usage.model = model
            self._usage.cache_read_tokens = sent // _BYTES_PER_TOKEN

    def feed(self, chunk: bytes) -> None:
        """Look at the next piece."""
        if not self._stream:
            if len(self._buffer) + len(chunk) <= MAX_JSON:
                self._buffer += chunk
            return
        head, *rest = chunk.split(b"\n")
        self._append(head)
        for piece in rest:
            self._end_line()
            self._append(piece)

    def finish(self) -> Usage | None:
        """Return the counts after the last piece; a stream that was cut has its output estimated from what passed."""
        if self._stream:
            self._end_line()
            if self._seen and not self._ended:
                estimate = self._delta_bytes // _BYTES_PER_TOKEN
                self._usage.output_tokens = max(self._usage.output_tokens, estimate)
        else:
            self._take(_object(bytes(self._buffer)))
        return self._usage if self._seen else None

    def _append(self, piece: bytes) -> None:
        if self._skipping or len(self._buffer) + len(piece) > MAX_LINE:
            self._skipping = True
            self._delta_bytes += len(piece)
            return
        self._buffer += piece

    def _end_line(self) -> None:
        line = bytes(self._buffer)
        self._buffer.clear()
        if self._skipping:
            self._skipping = False
            return
        if not line.startswith(b"data:"):
            return
        if b'"usage"' in line or b'"error"' in line:
            self._take(_object(line[5:]))
        if b'"message_stop"' in line:
            self.whole = True
        if b"content_block_delta" in line:
            self._delta_bytes += max(_BYTES_PER_TOKEN, len(line) - _DELTA_FRAME)

    def _take(self, event: Mapping[str, Any]) -> None:
        match event.get("type"):
            case "message_start":
                message = event.get("message")
                if isinstance(message, dict):
                    self._take_message(message)
            case "message_delta":
                self._ended = True
                self._count(event.get("usage"))
            case "message":
                self._ended = True
                self._take_message(event)
            case "error":
                told = event.get("error")
                if isinstance(told, dict):
                    self.error = str(told.get("type", "api_error"))
                    self.error_message = str(told.get("message", ""))

    def _take_message(self, message: Mapping[str, Any]) -> None:
        self._usage.model = str(message.get("model", ""))
        self._usage.message = str(message.get("id", ""))
        self._count(message.get("usage"))

    def _count(self, told: object) -> None:
        """Keep the highest of each count: a stream repeats them, each time as the sum so far."""
        if not isinstance(told, dict):
            return
        self._seen = True
        usage = self._usage
        usage.input_tokens = max(usage.input_tokens, _number(told, "input_tokens"))
        usage.output_tokens = max(usage.output_tokens, _number(told, "output_tokens"))
        usage.cache_read_tokens = max(usage.cache_read_tokens, _number(told, "cache_read_input_tokens"))
        usage.cache_write_tokens = max(usage.cache_write_tokens, _number(told, "cache_creation_input_tokens"))
        hour = _number(told.get("cache_creation"), "ephemeral_1h_input_tokens")
        usage.cache_write_hour_tokens = min(
            max(usage.cache_write_hour_tokens, hour), usage.cache_write_tokens
        )
        usage.searches = max(usage.searches, _number(told.get("server_tool_use"), "web_search_requests"))
        usage.fast = usage.fast or told.get("speed") == "fast"
        if told.get("inference_geo") == "us":
            usage.times = 1.1


def _number(holder: object, key: str) -> int:
    value = holder.get(key) if isinstance(holder, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _object(raw: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
