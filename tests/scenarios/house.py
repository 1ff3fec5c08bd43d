"""A whole bridge for a test. Owns: House, Person, Talk. Imports: bridge, the local chat's client. Effects: a home in a temp folder.

Everything is real: the CLI in its sandbox, git, the database, the local chat; the model alone follows a script. The bridge runs
in this process (`House.bridge`) or as a daemon of its own (`House.daemon`), which can be stopped, killed and started again.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import adapters.rehearsal
from adapters.chat.local import render
from adapters.chat.local.client import Client
from adapters.chat.local.records import Record
from bridge import app, seed
from bridge import home as homes
from config import settings as configuration
from core.errors import Unavailable
from tests.patience import PATIENCE, until
from tests.scenarios.daemon import Daemon

__all__ = ["DEMO", "PATIENCE", "WORKER", "Daemon", "House", "Person", "Talk", "house", "until"]

DEMO = (Path(adapters.rehearsal.__file__).parent / "demo.toml").read_text(encoding="utf-8")
WORKER = Path(__file__).with_name("worker.toml").read_text(encoding="utf-8")
CONFIG = """
[repos.demo]
url = "{origin}"
[model]
rehearsal = "script.toml"
[chat.local]
user = "maya"
[http]
port = 0
[logs]
format = "json"
"""


@dataclass(slots=True, kw_only=True)
class House:
    """A furnished home: `origin` is the bare repository behind `demo`."""

    root: Path
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def origin(self) -> Path:
        return self.root / "demo.git"

    @property
    def database(self) -> Path:
        return self.home / "bridge.db"

    def configure(self, more: str) -> None:
        """Add tables to config.toml."""
        path = self.home / "config.toml"
        path.write_text(path.read_text(encoding="utf-8") + more, encoding="utf-8")

    def script(self, text: str) -> None:
        """Give the model another script; it counts from the next start."""
        (self.home / "script.toml").write_text(text, encoding="utf-8")

    @asynccontextmanager
    async def bridge(self) -> AsyncIterator[app.Bridge]:
        """Run the bridge in this process."""
        settings = await asyncio.to_thread(configuration.load, self.home, self.environ)
        async with app.open_bridge(settings) as bridge:
            yield bridge

    @asynccontextmanager
    async def daemon(self) -> AsyncIterator[Daemon]:
        """Run the bridge as a process of its own; leaving kills it if it still runs."""
        daemon = Daemon(self)
        try:
            await daemon.start()
            yield daemon
        finally:
            await daemon.kill()

    @asynccontextmanager
    async def launched(self) -> AsyncIterator[Daemon]:
        """Launch a daemon that need not become ready."""
        daemon = Daemon(self)
        try:
            await daemon.launch()
            yield daemon
        finally:
            await daemon.kill()

    @asynccontextmanager
    async def person(self, user: str = "maya", *, bot: bool = False) -> AsyncIterator[Person]:
        """Enter the room as somebody. The connection outlives restarts of the bridge."""
        path = homes.Home(self.home).chat_socket
        async with Client(path, user, name=user.capitalize(), bot=bot, patience=PATIENCE) as client:
            yield Person(client)

    def folder(self) -> Path:
        """Return the folder of the one loop there is."""
        (folder,) = (self.home / "loops").iterdir()
        return folder

    def git(self, *arguments: str) -> str:
        """Ask git of the origin, which no agent can write."""
        return subprocess.run(
            ["git", "-C", str(self.origin), *arguments], check=True, capture_output=True, text=True
        ).stdout

    def branches(self) -> list[str]:
        """Return the origin's branches but main."""
        names = self.git("for-each-ref", "--format=%(refname:short)", "refs/heads").split()
        return [name for name in names if name != "main"]

    def commands(self) -> list[str]:
        """Return the command lines of what runs in boxes of this home."""
        lines = []
        for pid in self.boxed():
            with suppress(OSError):
                lines.append(Path("/proc", str(pid), "cmdline").read_text().replace("\0", " "))
        return lines

    def agents(self) -> list[int]:
        """Return the agents' own processes, without their tools' and what else runs in boxes for a moment."""
        found = []
        for pid in self.boxed():
            with suppress(OSError):
                if Path("/proc", str(pid), "cmdline").read_bytes().startswith(b"/opt/claude\0"):
                    found.append(pid)
        return found

    def boxed(self) -> list[int]:
        """Return the processes that live in a box of this home: what they see is bound out of it."""
        return [pid for pid, mounts in _mounts() if f"/{self.root.name}/home/loops/" in mounts]


def _mounts() -> Iterator[tuple[int, str]]:
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError):
                yield int(name), Path("/proc", name, "mountinfo").read_text()


@asynccontextmanager
async def house(script: str = WORKER, *, config: str = "", root: Path | None = None) -> AsyncIterator[House]:
    """Furnish a home in a fresh folder (in `root` if given) and take it away afterwards."""
    place = Path(tempfile.mkdtemp(prefix="lb-", dir=root))
    made = House(root=place)
    try:
        await asyncio.to_thread(homes.prepare, homes.Home(made.home))
        await asyncio.to_thread(seed.seed, made.origin)
        (made.home / "config.toml").write_text(CONFIG.format(origin=made.origin) + config, encoding="utf-8")
        made.script(script)
        yield made
    finally:
        # In a thread: on the event loop its guard looks at the whole stack for each of the many files.
        await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)


Wanted = str | Callable[[str], bool]


class Person:
    """Somebody in the room."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def opens(self, text: str) -> Talk:
        """Begin a thread."""
        return Talk(self, await self.client.post(text))

    def joins(self, talk: Talk) -> Talk:
        """Follow a thread that somebody else began."""
        return Talk(self, talk.root)


class Talk:
    """A thread, as one person sees it and takes part in it."""

    def __init__(self, person: Person, root: int) -> None:
        self.person = person
        self.root = root

    @property
    def records(self) -> list[Record]:
        return self.person.client.messages(self.root)

    @property
    def texts(self) -> list[str]:
        """Return what the bridge said, oldest first, cards as they read now."""
        return [self.text(record) for record in self.records if record.body is not None]

    def text(self, record: Record) -> str:
        return self.person.client.text(record)

    def count(self, words: str) -> int:
        """Return in how many of the bridge's messages `words` stand."""
        return sum(words in text for text in self.texts)

    async def stands(self, words: str, times: int = 1) -> None:
        """Wait until `words` stand in exactly so many of the bridge's messages: an edit may come after what it goes with."""
        await until(
            lambda: self.count(words) == times,
            told=lambda: f"{words!r} stands {self.count(words)} times, not {times}:\n{self.transcript}",
        )

    @property
    def transcript(self) -> str:
        return render.transcript(self.records, mask=False, names=self.person.client.names)

    async def says(self, text: str) -> int:
        """Write into the thread; return the message's id."""
        return await self.person.client.post(text, thread=self.root)

    async def sees(self, wanted: Wanted, *, after: int = 0, patience: float = PATIENCE) -> Record:
        """Return the bridge's newest message that holds (or satisfies) `wanted`, once there is one after message `after`."""
        fits = wanted if callable(wanted) else (lambda text: wanted in text)
        client = self.person.client
        try:
            return await client.wait_for(
                lambda record: (
                    record.root == self.root
                    and record.id > after
                    and record.body is not None
                    and record.to in ("", client.user)
                    and fits(client.text(record))
                ),
                patience,
            )
        except Unavailable:
            raise AssertionError(f"{wanted!r} was not said:\n{self.transcript}") from None

    async def presses(self, record: Record, label: str, text: str = "") -> None:
        """Press a button of a message by its label."""
        assert record.body is not None
        found = [button for button in render.buttons(record.body) if button.label == label]
        assert found, f"no button {label!r}:\n{self.text(record)}"
        await self.person.client.press(record.id, found[0], text=text)

    async def asked(self, command: str = "", *, after: int = 0) -> Record:
        """Return the newest open ask (for `command`)."""
        return await self.sees(lambda text: "] Allow once" in text and command in text, after=after)

    async def answered(self, words: str = "", *, after: int = 0) -> Record:
        """Return the newest final answer with `words` in it."""
        return await self.sees(lambda text: ANSWER.search(text) is not None and words in text, after=after)


# An answer's last lines: how long it took, maybe what it cost, maybe its button.
ANSWER = re.compile(r"\d+ s(?: · <?\$[\d.]+)?(?:\n\[1\] Diff)?$")
