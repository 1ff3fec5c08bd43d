"""One story, a bridge that is killed in the middle of it, and what must be true in the end. Owns: Trial. Imports: tests.scenarios.house.

Where the bridge is killed is decided from outside: by what the thread, the database, the disk and the origin show.
"""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

from adapters.chat.local import render
from adapters.chat.local.records import Record
from tests.scenarios.daemon import Daemon
from tests.scenarios.house import DEMO, PATIENCE, House, Person, Talk, house, until

TASK = "/loop --repo demo fix the failing test"
OUTCOME = "Fixed: a session now expires at its lifetime"
# Leaves a line each time it runs, slowly enough to be caught in the middle.
SLOW = """import pathlib
import time

HERE = pathlib.Path(__file__).parent.parent
with (HERE / "ran.log").open("a") as log:
    log.write("ran\\n")
time.sleep(0.8)
(HERE / "tests" / "fixtures.json").write_text('{"issued_at": 1000, "lifetime": 60, "made_by": "hand"}\\n')
"""


def rows(home: House, query: str) -> list[tuple[object, ...]]:
    """Read a bridge's database as it stands on the disk; nothing while it cannot be read."""
    with (
        suppress(sqlite3.OperationalError),
        closing(sqlite3.connect(f"file:{home.database}?mode=ro", uri=True)) as database,
    ):
        return database.execute(query).fetchall()
    return []


class Trial:
    """A home, its daemon, and Maya, who allows whatever she is asked."""

    def __init__(self, home: House, daemon: Daemon, maya: Person) -> None:
        self.home = home
        self.daemon = daemon
        self.maya = maya
        self.talk: Talk | None = None
        self.kills = 0
        self._pressed: set[tuple[int, int]] = set()

    # ── looking on from outside ──────────────────────────────────────────────────────────────────────────────────────

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Read the bridge's database as it stands on the disk."""
        return rows(self.home, query)

    def exists(self, pattern: str) -> bool:
        """Say whether a file is in the loop's folder."""
        return any(self.home.home.glob(f"loops/*/{pattern}"))

    def reached(self, point: str) -> bool:
        """Say whether the story has come to a point."""
        return bool(POINTS[point](self))

    def open_ask(self) -> Record | None:
        """Return an ask that Maya sees and has not pressed yet."""
        for record in self.talk.records if self.talk else ():
            waits = record.body is not None and any(
                button.label == "Allow once" for button in render.buttons(record.body)
            )
            if waits and (record.id, record.rev) not in self._pressed:
                return record
        return None

    # ── acting ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def begin(self) -> None:
        """Open the thread and give the task."""
        self.talk = await self.maya.opens("the session test fails again")
        await self.talk.says(TASK)

    async def press(self) -> None:
        """Allow what is asked now, if anything is."""
        record = self.open_ask()
        if record is not None and self.talk is not None:
            self._pressed.add((record.id, record.rev))
            await self.talk.presses(record, "Allow once")

    async def strike(self) -> None:
        """Kill the bridge and start it again."""
        self.kills += 1
        await self.daemon.kill()
        await self.daemon.start()

    async def run_to(self, point: str, *, seconds: float = PATIENCE) -> None:
        """Let the story go on to a point; asks that wait before it are answered.

        A point that an earlier kill took out of the story (a command that was not run, say) is passed over at its answer.
        """
        try:
            async with asyncio.timeout(seconds):
                while not self.reached(point):
                    if point != "settled" and self.reached("answered"):
                        return
                    if point not in ("asked", "waiting"):
                        await self.press()
                    await asyncio.sleep(0.01)
        except TimeoutError:
            thread = self.talk.transcript if self.talk else ""
            raise TimeoutError("\n".join([f"not {point}:", thread, *self.daemon.said[-20:]])) from None

    # ── what must be true ────────────────────────────────────────────────────────────────────────────────────────────

    async def check(self) -> None:
        """See that the story has its one right end, in the thread, the origin and the database."""
        assert self.talk is not None
        await self.run_to("settled")
        # What the database says is done was told before, but maybe not heard yet.
        await self.maya.client.read(self.talk.root)
        thread = self.talk.transcript
        assert self.talk.count(OUTCOME) == 1, thread
        assert self.talk.count("· driver Maya\n") == 1, thread
        assert self.talk.count("Back after") <= self.kills, thread
        assert self.talk.count("Your loop and its files are kept.") == 0, thread
        self._everything_once()
        self._branch_once()
        assert not self.daemon.complaints()
        assert await self.daemon.stop() == 0
        # What was killed takes a moment to be gone.
        await until(lambda: self.home.boxed() == [], told=lambda: "\n".join(self.home.commands()))

    def _everything_once(self) -> None:
        """Each logical post is one message: what the bridge noted as posted is exactly what stands in the thread."""
        assert self.talk is not None
        said = [
            str(row[0])
            for row in self.rows("SELECT result FROM effect WHERE kind = 'say' AND state = 'done'")
        ]
        cards = [str(row[0]) for row in self.rows("SELECT posted FROM card")]
        stands = [str(record.id) for record in self.talk.records if record.body is not None and not record.to]
        assert len(said) == len(set(said))
        assert set(stands) == {*said, *cards}, self.talk.transcript

    def _branch_once(self) -> None:
        (branch,) = self.home.branches()
        subjects = self.home.git("log", "--format=%s", f"main..{branch}").splitlines()
        assert subjects == ["Expire a session at its lifetime, not after it"]
        files = self.home.git("ls-tree", "-r", "--name-only", branch).split()
        ran = self.home.git("show", f"{branch}:ran.log").splitlines() if "ran.log" in files else []
        assert len(ran) <= 1, "the approved command ran more than once"
        assert ">= lifetime" in self.home.git("show", f"{branch}:app/session.py")


SETTLED = (
    "SELECT (SELECT count(*) FROM event WHERE handled_at IS NULL)"
    " + (SELECT count(*) FROM effect WHERE over_at IS NULL)"
    " + (SELECT count(*) FROM loop WHERE status NOT IN ('idle', 'failed')) + (SELECT count(*) = 0 FROM loop)"
)


def _leased(trial: Trial) -> bool:
    return bool(trial.rows("SELECT 1 FROM effect WHERE kind = 'run_leg' AND state = 'leased'"))


POINTS: Mapping[str, Callable[[Trial], object]] = {
    "stored": lambda trial: trial.rows(
        "SELECT 1 FROM event WHERE kind = 'posted' AND payload LIKE '%/loop%'"
    ),
    "cloning": lambda trial: trial.exists("workdir/.git"),
    "prepared": lambda trial: trial.exists("lock.json"),
    "starting": _leased,
    "called": lambda trial: trial.rows("SELECT 1 FROM event WHERE kind = 'tool_called'"),
    "asked": lambda trial: trial.rows("SELECT 1 FROM ask WHERE state = 'open'"),
    "waiting": lambda trial: trial.open_ask() is not None,
    "pressed": lambda trial: bool(trial._pressed),
    "decided": lambda trial: trial.rows("SELECT 1 FROM decision"),
    "running": lambda trial: trial.exists("workdir/ran.log"),
    "edited": lambda trial: trial.rows(
        "SELECT 1 FROM event WHERE kind = 'tool_called' AND payload LIKE '%\"Edit\"%'"
    ),
    "result": lambda trial: trial.rows("SELECT 1 FROM event WHERE kind = 'turn_result'"),
    "taking": lambda trial: trial.rows("SELECT 1 FROM effect WHERE kind = 'take_work'"),
    "landed": lambda trial: (trial.home.origin / "refs" / "heads" / "loop").exists(),
    "answered": lambda trial: trial.talk is not None and trial.talk.count(OUTCOME),
    "settled": lambda trial: trial.rows(SETTLED) == [(0,)] and trial.talk and trial.talk.count(OUTCOME),
}


@asynccontextmanager
async def trial() -> AsyncIterator[Trial]:
    """Furnish a home with the demo's work in it, start its daemon, and let Maya in."""
    async with house(DEMO) as home:
        await asyncio.to_thread(_slow_tool, home)
        async with home.daemon() as daemon, home.person() as maya:
            yield Trial(home, daemon, maya)


def _slow_tool(home: House) -> None:
    """Give the repository a tool that leaves a trace each time it runs."""
    tree = home.root / "tree"
    author = ["-c", "user.name=Ada", "-c", "user.email=ada@demo.invalid"]
    for command in (
        ["clone", "-q", str(home.origin), str(tree)],
        ["-C", str(tree), *author, "commit", "-q", "-a", "-m", "Leave a trace"],
        ["-C", str(tree), "push", "-q", "origin", "main"],
    ):
        if "commit" in command:
            Path(tree, "tools", "regenerate_fixtures.py").write_text(SLOW, encoding="utf-8")
        subprocess.run(["git", *command], check=True)
