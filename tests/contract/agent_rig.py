"""A bench for sessions. Owns: Bench, Clock. Imports: adapters.agent, adapters.rehearsal. Effects: runs the real CLI, without a box, against the scripted model."""

from __future__ import annotations

import asyncio
import json
import shlex
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from adapters.agent import managed
from adapters.agent.runner import Sessions
from adapters.rehearsal import script
from adapters.rehearsal.server import Rehearsal
from core import ids
from core.events import Event, ToolCalled
from core.ports import Leg, Verdict
from tests.patience import PATIENCE

E = TypeVar("E", bound=Event)
ALLOW = Verdict(decision="allow")
Judge = Callable[[ToolCalled], Verdict | None]


class Clock:
    """Real time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def bundled() -> Path:
    """Return the CLI that comes with the SDK."""
    import claude_agent_sdk

    return Path(claude_agent_sdk.__file__).parent / "_bundled" / "claude"


def write_launcher(home: Path, base_url: str, program: str = "", **more: str) -> Path:
    """Write a launcher that runs the CLI (or `program`) in an environment of its own, but in no box."""
    (home / "workdir").mkdir(parents=True, exist_ok=True)
    env = managed.environment(home=str(home), model_socket="") | {"ANTHROPIC_BASE_URL": base_url, **more}
    del env["ANTHROPIC_UNIX_SOCKET"]
    words = " ".join(shlex.quote(f"{name}={value}") for name, value in env.items())
    at = home / "launch"
    at.write_text(
        f"#!/bin/sh\ncd {shlex.quote(str(home))}/workdir\n"
        f'exec env -i PATH=/usr/bin:/bin {words} {program or shlex.quote(str(bundled()))} "$@"\n'
    )
    at.chmod(0o755)
    return at


@dataclass(kw_only=True)
class Bench:
    """One loop's bench: what it emitted, and who judges. `judge` returning None leaves the call waiting."""

    home: Path
    model: Rehearsal
    sessions: Sessions
    launcher: Path
    judge: Judge = field(default=lambda _: ALLOW)
    events: list[Event] = field(default_factory=list)
    loop: ids.LoopId = field(default_factory=lambda: ids.LoopId(ids.new_id()))
    session: str = field(default_factory=lambda: str(uuid.uuid4()))
    legs: int = 0

    @property
    def workdir(self) -> Path:
        return self.home / "workdir"

    def leg(self, prompt: str, *, resume: bool = False, **more: Any) -> Leg:
        self.legs += 1
        leg = Leg(
            loop=self.loop,
            thread=ids.thread_key("local", "w", "c", "1"),
            turn=ids.turn_id(self.loop, 1),
            number=self.legs,
            launcher=self.launcher,
            cwd="/loop/workdir",
            session=self.session,
            resume=resume,
            prompt=prompt,
            system="Be brief.",
            model="claude-opus-5-5",
            park_after=30.0,
        )
        return replace(leg, **more)

    async def emit(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, ToolCalled) and (verdict := self.judge(event)) is not None:
            assert self.sessions.answer(event.loop, event.call, verdict)

    async def run(self, prompt: str, *, resume: bool = False, **more: Any) -> list[Event]:
        """Run a leg and return its events."""
        before = len(self.events)
        await self.sessions.run(self.leg(prompt, resume=resume, **more), self.emit)
        return self.events[before:]

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    async def until(self, kind: type[E], count: int = 1) -> E:
        """Wait for the `count`-th event of a kind."""
        async with asyncio.timeout(PATIENCE):
            while len(self.of(kind)) < count:  # noqa: ASYNC110 - events come from another task
                await asyncio.sleep(0.03)
        return self.of(kind)[count - 1]

    async def until_true(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not holds():  # noqa: ASYNC110 - looks at the world outside
                await asyncio.sleep(0.03)

    def agents(self) -> list[int]:
        """Return the processes of the CLI itself, without what it runs for a moment."""
        return [pid for pid in self.processes() if _program(pid) == bundled().resolve()]

    def processes(self) -> list[int]:
        """Return the processes that were started from this bench's home."""
        mark = f"HOME={self.home}".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*/environ"):
            try:
                if mark in entry.read_bytes().split(b"\0"):
                    found.append(int(entry.parent.name))
            except OSError:
                continue
        return found


def _program(pid: int) -> Path | None:
    try:
        return Path("/proc", str(pid), "exe").readlink()
    except OSError:
        return None


@asynccontextmanager
async def bench(home: Path, rules: str, *, program: str = "", **arguments: Any) -> AsyncIterator[Bench]:
    """Enter a bench whose model follows `rules` (a rehearsal script)."""
    arguments.setdefault("clock", Clock())
    async with Rehearsal(script.parse(rules)) as model, Sessions(**arguments) as sessions:
        launcher = write_launcher(home, model.base_url, program)
        yield Bench(home=home, model=model, sessions=sessions, launcher=launcher)


def bash(command: str, **more: str) -> str:
    """Spell a Bash call for a rehearsal script."""
    return call("Bash", command=command, **more)


def call(name: str, **fields: object) -> str:
    return f'{{name = "{name}", input = {_toml(fields)}}}'


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(each) for each in value) + "]"
    return json.dumps(value)


def rule(user: str, *tools: str, say: str = "", after: int = 0, more: str = "") -> str:
    """Spell a rule: the answer number `after` to a prompt that matches `user`."""
    lines = ["[[rule]]", f"when.user = {json.dumps(user)}", f"when.after = {after}"]
    if say:
        lines.append(f"say = {json.dumps(say)}")
    if tools:
        lines.append(f"tools = [{', '.join(tools)}]")
    return "\n".join([*lines, more, ""])
