"""A bridge's middle for journal tests: a store, a real dispatcher, a real journal. Owns: Rig, Telling. Effects: a home in a temp folder."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.git.journal import GitJournal
from adapters.store.store import SqlStore
from bridge.dispatch import Dispatcher
from bridge.home import Home, prepare
from bridge.journalling import Journalling
from core import events, policy
from core.desk import House
from core.ids import CallId, IdentityKey, LoopId, ThreadKey, thread_key
from core.testing.fakes import FakeClock

PEOPLE = ("maya", "ravi", "ada")
RULES = policy.Policy(rules=(policy.Rule(tool="Edit", action="allow", path="{workdir}/*"),))
HOUSE = House(policy=RULES, secret="s" * 32, repos=("app",), default_repo="app", claim_code="ABCD-2345")


def lane(number: int = 1) -> ThreadKey:
    return thread_key("local", "home", "general", str(number))


def who(name: str) -> events.Author:
    return events.Author(identity=IdentityKey(f"local:home/{name}"), name=name.capitalize())


@dataclass(kw_only=True)
class Telling:
    """Tells a store what happened, through the dispatcher, as chats and agents do."""

    store: SqlStore
    dispatcher: Dispatcher
    journalling: Journalling
    clock: FakeClock
    numbers: dict[ThreadKey, int] = field(default_factory=dict)

    async def tell(self, *told: events.Event) -> None:
        for event in told:
            await self.dispatcher.emit(event)
            await self.dispatcher.idle()
            self.clock.advance(1)

    async def admits(self) -> None:
        for name in PEOPLE:
            role: Any = "admin" if name == "ada" else "member"
            await self.tell(
                events.Admitted(
                    lane=lane(),
                    at=self.clock.now(),
                    identity=who(name).identity,
                    name=name.capitalize(),
                    role=role,
                )
            )

    async def says(self, thread: ThreadKey, name: str, text: str, **more: Any) -> str:
        number = self.numbers[thread] = self.numbers.get(thread, 0) + 1
        await self.tell(
            events.Posted(
                lane=thread, at=self.clock.now(), message=str(number), author=who(name), text=text, **more
            )
        )
        return str(number)

    async def edits(self, thread: ThreadKey, message: str, name: str, text: str) -> None:
        await self.tell(
            events.Edited(lane=thread, at=self.clock.now(), message=message, author=who(name), text=text)
        )

    async def deletes(self, thread: ThreadKey, message: str) -> None:
        await self.tell(events.Deleted(lane=thread, at=self.clock.now(), message=message))

    async def starts(self, thread: ThreadKey, name: str = "maya", task: str = "fix the test") -> LoopId:
        """Start a loop and bring it to where its agent has the prompt."""
        await self.says(thread, name, f"/loop {task}")
        loop = (await self.store.desk(thread)).loop
        assert loop is not None
        at = self.clock.now()
        await self.tell(
            events.ThreadRead(lane=thread, at=at, loop=loop.id, messages=()),
            events.Prepared(
                lane=thread,
                at=at,
                loop=loop.id,
                base="a" * 40,
                branch=loop.work_branch,
                digest="d",
                attempt=1,
            ),
        )
        await self.tell(events.TurnStarted(**await self.of_turn(thread), session="s1"))
        return loop.id

    async def of_turn(self, thread: ThreadKey) -> dict[str, Any]:
        loop = (await self.store.desk(thread)).loop
        assert loop is not None
        assert loop.turn is not None
        return {
            "lane": thread,
            "at": self.clock.now(),
            "loop": loop.id,
            "turn": loop.turn.id,
            "leg": loop.turn.leg,
        }

    async def calls(self, thread: ThreadKey, call: str, command: str) -> None:
        given = f'{{"command": "{command}"}}'
        await self.tell(
            events.ToolCalled(
                **await self.of_turn(thread), call=CallId(call), tool="Bash", input=given,
                digest=policy.digest("Bash", given), why="because",
            )
        )  # fmt: skip

    async def decides(self, thread: ThreadKey, name: str, verb: str = "approve", words: str = "") -> None:
        ask = max(
            (ask for ask in (await self.store.desk(thread)).asks if ask.open), key=lambda ask: ask.asked_at
        )
        await self.says(thread, name, f"{verb} {ask.handle} {words}")

    async def ends(self, thread: ThreadKey, call: str) -> None:
        await self.tell(
            events.ToolEnded(**await self.of_turn(thread), call=CallId(call), ok=True, note="done")
        )

    async def results(self, thread: ThreadKey, text: str = "Fixed.", sha: str = "c" * 40) -> None:
        """End the turn with an answer and a commit."""
        turn = await self.of_turn(thread)
        await self.tell(
            events.Spent(
                lane=thread, at=self.clock.now(), loop=turn["loop"], request=sha[:8], model="m", input_tokens=10,
                output_tokens=5, cache_read_tokens=0, cache_write_tokens=0, cost_usd=0.25,
            ),
            events.TurnResult(**turn, text=text, session="s1"),
        )  # fmt: skip
        commit = events.CommitTaken(
            sha=sha,
            parents=("a" * 40,),
            subject="Mend the test",
            at=self.clock.now(),
            files=(("app/session.py", 1, 1),),
        )
        loop = (await self.store.desk(thread)).loop
        assert loop is not None
        await self.tell(
            events.WorkTaken(
                **turn, repo="app", branch=loop.branch, commits=(commit,), where=f"branch {loop.branch}"
            )
        )


@dataclass(kw_only=True)
class Rig:
    """A home with a journal in it."""

    root: Path
    clock: FakeClock = field(default_factory=FakeClock)
    clean: Callable[[str], str] = str

    def __post_init__(self) -> None:
        prepare(Home(self.root))

    @property
    def home(self) -> Home:
        return Home(self.root)

    def journal(self, remote: str = "") -> GitJournal:
        return GitJournal(self.home.layer("journal"), clock=self.clock, remote=remote)

    def url(self, name: str = "bridge.db") -> str:
        return f"sqlite:///{self.root / name}"

    @asynccontextmanager
    async def telling(self, name: str = "bridge.db", *, remote: str = "") -> AsyncIterator[Telling]:
        async with SqlStore(self.url(name), clock=self.clock) as store:
            journalling = Journalling(
                ledger=store.ledger,
                journal=self.journal(remote),
                clock=self.clock,
                every=300,
                clean=self.clean,
            )
            dispatcher = Dispatcher(store=store, house=HOUSE, clock=self.clock, take=lambda jobs: None)
            yield Telling(store=store, dispatcher=dispatcher, journalling=journalling, clock=self.clock)
            await dispatcher.close()

    def git(self, *arguments: str) -> str:
        return subprocess.run(
            ["git", f"--git-dir={self.home.layer('journal')}", *arguments],
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    async def lines(self) -> list[str]:
        """Return every line of the newest commit."""
        return (await asyncio.to_thread(self.git, "grep", "-h", "", "main", "--", "threads")).split("\n")[:-1]


async def a_long_story(telling: Telling) -> None:
    """Tell of three threads: loops, asks decided and open, edits, deletions, a stranger, handed files, money."""
    await telling.admits()
    first, second, third = lane(1), lane(2), lane(3)
    await telling.says(
        first, "maya", "the session test fails again", files=(events.FileRef(id="f1", name="log.txt"),)
    )
    gone = await telling.says(first, "ravi", "my password is swordfish")
    await telling.says(first, "zed", "I am a stranger here", mentions=(who("maya").identity,), reply_to="1")
    await telling.starts(first)
    await telling.calls(first, "t1", "make test")
    await telling.decides(first, "maya")
    await telling.ends(first, "t1")
    await telling.deletes(first, gone)
    await telling.results(first)
    await telling.says(first, "maya", "and now the other one")
    await telling.tell(events.TurnStarted(**await telling.of_turn(first), session="s1"))
    await telling.calls(first, "t2", "rm -rf build")
    await telling.decides(first, "ada", "deny", "not on a Friday")
    await telling.results(first, "I left it.", "d" * 40)
    told = await telling.says(second, "ravi", "unrelated talk \u2028 of \x00 odd \ud800 text")
    await telling.edits(second, told, "ravi", "quite unrelated")
    await telling.starts(second, "ravi", "write the docs")
    await telling.calls(second, "t3", "make docs")
    for number in range(30):
        await telling.says(third, PEOPLE[number % 3], f"chatter {number}")
