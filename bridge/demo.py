"""The main job from start to end, offline. Owns: main, act. Imports: rich, bridge, adapters. Effects: a home of its own, a whole bridge.

What is shown is what happens: a real bridge, the real CLI in a real sandbox, real repositories; the model alone follows a script.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.rule import Rule
from rich.text import Text

import adapters.rehearsal
from adapters.chat.local import paint
from adapters.chat.local.client import Client
from adapters.chat.local.records import Record
from bridge import app, home, logs, outcome, seed
from config import settings as configuration
from core.errors import LoopbridgeError, Unavailable

SCRIPT = Path(adapters.rehearsal.__file__).parent / "demo.toml"
CONFIG = """# The demo's own configuration: one repository, and a model that follows a script.
[repos.demo]
url = "{origin}"

[model]
rehearsal = "{script}"

[chat.local]
user = "maya"

[http]
port = 0
"""
KEPT = "Your loop and its files are kept."  # what a failure's card says
PATIENCE = 90.0  # seconds for any one step
TASK = "/loop --repo demo fix the failing test"


@dataclass(slots=True, kw_only=True)
class Demo:
    """What the demo has seen so far. `thread` is the id of the first message; `records` are kept for the transcript."""

    root: Path
    console: Console
    pace: float = 0.0
    checks: list[tuple[str, bool, str]] = field(default_factory=list)
    thread: int = 0
    records: list[Record] = field(default_factory=list)

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def origin(self) -> Path:
        return self.root / "origin" / "demo.git"

    async def head(self, words: str) -> None:
        """Begin a step."""
        self.console.print()
        self.console.print(Rule(Text(words, style="bold"), align="left", style="dim"))
        await asyncio.sleep(self.pace)

    def note(self, words: str) -> None:
        """Say what is going on behind the thread."""
        self.console.print(Text(words, style="dim"))

    def show(self, client: Client, record: Record) -> None:
        """Print a message as it stands in the thread."""
        self.console.print(paint.record(record, names=client.names))


async def main(*, keep: bool = False, pace: float = 0.0) -> int:
    """Run the demo; return 0 when every check of the outcome held."""
    began = time.monotonic()
    console = Console(highlight=False, emoji=False)
    logs.configure("warning", "console")
    demo = Demo(root=Path(tempfile.mkdtemp(prefix="loopbridge-demo-")), console=console, pace=pace)
    try:
        await act(demo)
    finally:
        if keep:
            console.print(
                f"\nKept: LOOPBRIDGE_HOME={demo.home} (the origin is {demo.origin})", soft_wrap=True
            )
        else:
            await asyncio.to_thread(shutil.rmtree, demo.root, ignore_errors=True)
    good = all(fine for _, fine, _ in demo.checks)
    console.print(
        f"\n{'All of it holds' if good else 'Something does not hold'} · {time.monotonic() - began:.0f} s"
    )
    return 0 if good else 1


async def act(demo: Demo) -> None:
    """Play the story through. Raises LoopbridgeError when a step does not come."""
    await demo.head("1 · A home, and a repository with a failing test")
    await asyncio.to_thread(_furnish, demo)
    demo.note(f"home    {demo.home}\norigin  {demo.origin}")
    settings = await asyncio.to_thread(configuration.load, demo.home, {})
    async with app.open_bridge(settings):
        socket = home.Home(demo.home).chat_socket
        async with Client(socket, "maya", name="Maya") as maya, Client(socket, "ravi", name="Ravi") as ravi:
            async with Client(socket, "ci", name="CI bot", bot=True) as robot:
                await _discussion(demo, maya, ravi, robot)
            await _work(demo, maya, ravi)
            await _looking_back(demo, maya)
            demo.records = [record for record in maya.messages(demo.thread)]
    await demo.head("8 · Does it hold? Looked up in a fresh clone, in a sandbox of its own")
    for check in await outcome.check(settings, demo.origin):
        demo.checks.append(check)
        words, fine, detail = check
        demo.console.print(
            Text(f"{'✓' if fine else '✗'} {words}", style="green" if fine else "red"),
            Text(detail, style="dim"),
        )


def _furnish(demo: Demo) -> None:
    place = home.Home(demo.home)
    home.prepare(place)
    place.config.write_text(CONFIG.format(origin=demo.origin, script=SCRIPT), encoding="utf-8")
    seed.seed(demo.origin)


async def _discussion(demo: Demo, maya: Client, ravi: Client, robot: Client) -> None:
    await demo.head("2 · Two people and a bot discuss the bug in a thread")
    demo.thread = await maya.post("the session test fails again on CI, third time this week")
    await robot.post(
        "build 8123 failed: tests/test_session.py::SessionTest::test_token_expires_at_its_lifetime AssertionError",
        thread=demo.thread,
    )
    await ravi.post(
        "probably the comparison: a token is over when its lifetime has passed, to the second",
        thread=demo.thread,
    )
    last = await maya.post(TASK, thread=demo.thread)
    await _until(maya, lambda record: record.id == last)
    for record in maya.messages(demo.thread):
        demo.show(maya, record)


async def _work(demo: Demo, maya: Client, ravi: Client) -> None:
    await demo.head("3 · The loop's card, edited in place while a real agent works in its sandbox")
    card = await _until(maya, lambda record: _is_bots(record) and "Fix the failing test" in maya.text(record))
    asked = asyncio.create_task(_until(maya, lambda record: "[1] Allow once" in maya.text(record)))
    seen = ""
    while not asked.done():
        now = maya.text(maya.records[card.id])
        if now != seen:
            seen = now
            demo.note(_state_of(now))
        await asyncio.sleep(0.1)
    ask = asked.result()
    demo.show(maya, maya.records[card.id])
    await demo.head("4 · A command that the rules let nobody run unasked")
    demo.show(maya, ask)
    demo.note("Ravi is no member of this bridge; he presses “Allow once”:")
    await ravi.press(ask.id, _button(ask, "Allow once"))
    demo.show(ravi, await _until(ravi, lambda record: record.to == "ravi"))
    demo.note("Maya drives this loop; she presses it:")
    await maya.press(ask.id, _button(ask, "Allow once"))
    demo.show(
        maya, await _until(maya, lambda record: record.id == ask.id and "allowed once" in maya.text(record))
    )
    await demo.head("5 · The edit, the test run, the answer")
    answer = await _until(maya, lambda record: _is_bots(record) and "[1] Diff" in maya.text(record))
    await _until(maya, lambda record: record.id == card.id and "finished" in maya.text(record))
    demo.show(maya, maya.records[card.id])
    demo.show(maya, answer)


async def _looking_back(demo: Demo, maya: Client) -> None:
    await demo.head("6 · What the loop was given: /loop context")
    demo.show(maya, await _command(demo, maya, "/loop context", "was given"))
    await demo.head("7 · Back from the commit to the words and the approval it rests on")
    answer = next(record for record in maya.messages(demo.thread) if "[1] Diff" in maya.text(record))
    found = re.search(r"up to `([0-9a-f]{7})`", maya.text(answer))
    if found is None:
        raise LoopbridgeError(
            "The answer names no commit.",
            remedy="Look at the thread above; `loopbridge doctor` tries what the bridge needs.",
        )
    demo.show(maya, await _command(demo, maya, f"/loop why {found.group(1)}", "Why"))


async def _command(demo: Demo, maya: Client, words: str, expected: str) -> Record:
    """Write a command and return what the bridge posts to it."""
    asked = await maya.post(words, thread=demo.thread)
    return await _until(
        maya, lambda record: record.id > asked and _is_bots(record) and expected in maya.text(record)
    )


async def _until(client: Client, wanted: Callable[[Record], bool]) -> Record:
    def failed(record: Record) -> bool:
        return _is_bots(record) and KEPT in client.text(record)

    try:
        found = await client.wait_for(lambda record: wanted(record) or failed(record), PATIENCE)
    except Unavailable as exc:
        raise LoopbridgeError(
            f"A step of the demo did not come within {PATIENCE:.0f} s.",
            remedy="`loopbridge doctor` tries everything the bridge needs.",
        ) from exc
    if failed(found):
        what = client.text(found).partition(KEPT)[0].strip()
        raise LoopbridgeError(
            f"The loop failed. {what}", remedy="`loopbridge doctor` tries everything the bridge needs."
        )
    return found


def _is_bots(record: Record) -> bool:
    return record.body is not None and not record.to


def _button(record: Record, label: str) -> str:
    if record.body is not None:
        for block in record.body.blocks:
            for button in getattr(block, "buttons", ()):
                if button.label == label:
                    return str(button.token)
    raise LoopbridgeError(f"The card has no button “{label}”.")


def _state_of(card: str) -> str:
    """Return the line that tells what the card says now."""
    lines = card.splitlines()
    running = [line for line in lines if line.startswith("…")]
    return f"  card: {lines[1] if len(lines) > 1 else card}{'  ' + running[-1] if running else ''}"
