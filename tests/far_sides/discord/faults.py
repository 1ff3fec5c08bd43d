"""Trouble on demand, and the rates. Owns: Fault, Faults, Rates. Imports: aiohttp. Effects: spoils answers, waits."""

from __future__ import annotations

import asyncio
import fnmatch
import json
import time
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

Kind = Literal["drop", "reset", "status", "slow", "rate", "ban"]


@dataclass(slots=True, kw_only=True)
class Fault:
    """Trouble for the next `times` requests like `route` ("POST /channels/*/messages").

    drop: cut before it is carried out · reset: cut after · status: answer `value` instead · slow: first wait `value` seconds ·
    rate: 429 with `retry_after` of `value` · ban: 429 as Cloudflare words it.
    """

    route: str
    kind: Kind
    value: float = 0.0
    times: int = 1
    everywhere: bool = False  # a global 429


@dataclass(slots=True, kw_only=True)
class Bucket:
    limit: int
    window: float
    left: int = 0
    until: float = 0.0


@dataclass(slots=True, kw_only=True)
class Rates:
    """The buckets: by route and channel. `limits` maps a pattern like "POST /channels/*/messages" to (requests, seconds).

    `together` is the limit of all requests but answers to interactions. `hit` counts refusals.
    """

    limits: dict[str, tuple[int, float]] = field(default_factory=dict)
    usual: tuple[int, float] = (500, 1.0)
    together: tuple[int, float] = (5_000, 1.0)
    hit: int = 0
    _buckets: dict[str, Bucket] = field(default_factory=dict)

    def flood(self) -> float:
        """Count one request of all; return for how many seconds it is too many (0 when it is not)."""
        limit, window = self.together
        _, over = self._count("*", limit, window)
        return over

    def take(self, name: str, major: str) -> tuple[dict[str, str], float]:
        """Count one request; return the headers, and for how many seconds it is too many (0 when it is not)."""
        pattern = next((each for each in self.limits if fnmatch.fnmatchcase(name, each)), "")
        limit, window = self.limits.get(pattern, self.usual)
        bucket, over = self._count(f"{pattern or name}:{major}", limit, window)
        after = max(0.0, bucket.until - time.monotonic())
        headers = {
            "X-RateLimit-Limit": str(bucket.limit), "X-RateLimit-Remaining": str(bucket.left),
            "X-RateLimit-Reset": f"{time.time() + after:.3f}", "X-RateLimit-Reset-After": f"{after:.3f}",
            "X-RateLimit-Bucket": f"{abs(hash(pattern or name)):x}"[:16],
        }  # fmt: skip
        return headers, over

    def _count(self, name: str, limit: int, window: float) -> tuple[Bucket, float]:
        bucket = self._buckets.setdefault(name, Bucket(limit=limit, window=window))
        now = time.monotonic()
        if now >= bucket.until:
            bucket.left, bucket.until = bucket.limit, now + bucket.window
        over = bucket.left <= 0
        bucket.left = max(0, bucket.left - 1)
        self.hit += over
        return bucket, bucket.until - now if over else 0.0


class Faults:
    """What is to go wrong, in order."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def add(
        self, route: str, kind: Kind, value: float = 0.0, *, times: int = 1, everywhere: bool = False
    ) -> None:
        self._waiting.append(Fault(route=route, kind=kind, value=value, times=times, everywhere=everywhere))

    @property
    def left(self) -> int:
        return sum(fault.times for fault in self._waiting)

    def take(self, name: str) -> Fault | None:
        """Return the trouble for this request, if there is to be any."""
        for fault in self._waiting:
            if fnmatch.fnmatchcase(name, fault.route):
                fault.times -= 1
                if not fault.times:
                    self._waiting.remove(fault)
                return fault
        return None


async def before(fault: Fault, request: web.Request) -> web.StreamResponse | None:
    """Do what a fault does before the request is carried out; return the answer that takes its place, if any."""
    match fault.kind:
        case "drop":
            return cut(request)
        case "slow":
            await asyncio.sleep(fault.value)
        case "status":
            return answer({"message": "trouble", "code": 0}, status=int(fault.value))
        case "rate":
            return limited(fault.value, {}, everywhere=fault.everywhere)
        case "ban":
            return web.Response(text="error code: 1015", status=429)
        case "reset":
            return None
    return None


def cut(request: web.Request) -> web.Response:
    """Close the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def limited(seconds: float, headers: dict[str, str], *, everywhere: bool = False) -> web.Response:
    """Return the 429 of Discord itself."""
    scope = (
        {"X-RateLimit-Global": "true", "X-RateLimit-Scope": "global"}
        if everywhere
        else {"X-RateLimit-Scope": "user"}
    )
    body = {"message": "You are being rate limited.", "retry_after": round(seconds, 3), "global": everywhere}
    return answer(
        body,
        status=429,
        headers={**headers, **scope, "Via": "1.1 google", "Retry-After": str(int(seconds) + 1)},
    )


def answer(body: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """Return JSON under exactly `application/json`, as Discord does."""
    return web.Response(
        body=json.dumps(body).encode(),
        status=status,
        headers={**(headers or {}), "Content-Type": "application/json"},
    )
