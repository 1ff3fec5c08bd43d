"""The room on bad days: a full disk, a broken file, a second bridge, people who do not read. Effects: rooms in temporary homes."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters import registry
from adapters.chat.local import records, requests, room, server, sockets
from adapters.chat.local.adapter import FULL, LocalChat
from adapters.chat.local.client import Client
from adapters.chat.local.records import Record
from core import events, message
from core.errors import BadInput, Damaged, Rejected, StorageFull, Unavailable
from tests.contract.chat_local_rig import LocalRig, QuickClock
from tests.patience import PATIENCE

AT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)

SERVING = """
import asyncio, pathlib, sys
from adapters.chat.local import adapter
from tests.contract.chat_local_rig import QuickClock
async def main(home):
    async with adapter.LocalChat(home=pathlib.Path(home), clock=QuickClock()):
        print("ready", flush=True)
        await asyncio.Event().wait()
asyncio.run(main(sys.argv[1]))
"""


@pytest.fixture
async def rig(home: Path) -> AsyncIterator[LocalRig]:
    async with LocalRig(home) as rig:
        yield rig


async def test_a_full_bridge_is_told_to_the_author_and_nothing_is_lost(rig: LocalRig) -> None:
    told: asyncio.Queue[str] = asyncio.Queue()
    rig.client("maya").watch = lambda kind, record, text: told.put_nowait(text) if kind == "notice" else None
    await rig.fail_next()
    await rig.user_posts("first")
    assert await asyncio.wait_for(told.get(), PATIENCE) == FULL
    event = await rig.next_event()
    assert isinstance(event, events.Posted)
    assert event.text == "first"
    assert told.empty()


def test_a_full_disk_takes_nothing_and_keeps_what_was_said(home: Path) -> None:
    kept = room.Room(home / "chat.db")
    kept.enter("maya", "Maya")
    first, _ = kept.say("maya", "general", 0, "first", at=AT)
    pages = kept._db.execute("PRAGMA page_count").fetchone()[0]
    kept._db.execute(f"PRAGMA max_page_count = {pages + 1}")
    with pytest.raises(StorageFull) as caught:
        kept.say("maya", "general", 0, "x" * 100_000, at=AT)
    assert "kept" in str(caught.value)
    assert caught.value.remedy
    kept._db.execute("PRAGMA max_page_count = 1000000")
    kept.say("maya", "general", first.id, "second", at=AT)
    assert [deed.text for deed in kept.waiting()] == ["first", "second"]
    kept.close()


@pytest.mark.parametrize(
    "junk", [b"not a database, whatever it says" * 100, b"SQLite format 3\0" + b"\xff" * 4096]
)
async def test_a_broken_file_is_left_alone_and_told(home: Path, junk: bytes) -> None:
    path = home / "chat.db"
    await asyncio.to_thread(path.write_bytes, junk)
    with pytest.raises(Damaged, match=r"chat\.db") as caught:
        await LocalChat(home=home, clock=QuickClock()).__aenter__()
    assert caught.value.remedy
    assert await asyncio.to_thread(path.read_bytes) == junk
    # Nothing of the attempt is left: the home can be mended and used.
    await asyncio.to_thread(path.unlink)
    async with LocalChat(home=home, clock=QuickClock()):
        pass


async def test_a_second_bridge_is_refused(rig: LocalRig, home: Path) -> None:
    with pytest.raises(Rejected, match="another bridge"):
        await LocalChat(home=home, clock=QuickClock()).__aenter__()
    await rig.user_posts("still served")
    assert (await rig.next_event()).lane == "local:home/general/1"


async def test_the_files_are_the_owners_alone(rig: LocalRig, home: Path) -> None:
    for name in ("chat.db", "chat.sock"):
        found = await asyncio.to_thread((home / name).stat)
        assert stat.S_IMODE(found.st_mode) == 0o600, name


async def test_a_home_with_a_long_path_works(home: Path) -> None:
    deep = home / ("d" * 100) / "home"
    await asyncio.to_thread(deep.mkdir, parents=True)
    async with LocalChat(home=deep, clock=QuickClock()), Client(deep / "chat.sock", "maya") as client:
        assert await client.post("hello") == 1


async def test_nobody_home_is_told(home: Path) -> None:
    with pytest.raises(Unavailable, match="no bridge answers") as caught:
        await Client(home / "chat.sock", "maya").__aenter__()
    assert "loopbridge run" in caught.value.remedy


async def test_the_bridges_own_name_is_taken(rig: LocalRig, home: Path) -> None:
    with pytest.raises(BadInput, match="the bridge itself"):
        await Client(home / "chat.sock", "loop").__aenter__()


async def test_deeds_of_a_stopped_bridge_are_heard_by_the_next(home: Path) -> None:
    async with LocalChat(home=home, clock=QuickClock()), Client(home / "chat.sock", "maya") as client:
        for word in ("one", "two"):
            await client.post(word)
    heard: asyncio.Queue[events.Event] = asyncio.Queue()
    async with LocalChat(home=home, clock=QuickClock()) as chat:
        listening = asyncio.create_task(chat.listen(heard.put))
        got = [await asyncio.wait_for(heard.get(), PATIENCE) for _ in range(2)]
        assert [event.text for event in got if isinstance(event, events.Posted)] == ["one", "two"]
        listening.cancel()


async def test_a_line_too_long_is_refused_and_the_next_is_taken(
    rig: LocalRig, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "MAX_LINE", 100_000)
    link = await asyncio.to_thread(sockets.connect, home / "chat.sock")
    reader, writer = await asyncio.open_unix_connection(sock=link)
    writer.write(b"x" * 350_000 + b'\n{"id": 1, "do": "hello", "user": "eve"}\n')
    assert b"100000 bytes" in await asyncio.wait_for(reader.readline(), PATIENCE)
    assert json.loads(await asyncio.wait_for(reader.readline(), PATIENCE))["ok"] is True
    assert await asyncio.wait_for(_closes(reader, writer), PATIENCE) == b""


async def _closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    writer.write_eof()
    rest = await reader.read()
    writer.close()
    await writer.wait_closed()
    return rest


async def test_who_does_not_read_holds_nobody_up(
    rig: LocalRig, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MAX_BEHIND", 100_000)
    link = await asyncio.to_thread(sockets.connect, home / "chat.sock")
    reader, writer = await asyncio.open_unix_connection(sock=link, limit=1)
    writer.write(b'{"id": 1, "do": "hello", "user": "eve"}\n{"id": 2, "do": "subscribe"}\n')
    sent = await rig.user_posts("root")
    for number in range(40):
        await rig.adapter.post(sent.thread, message.text("x" * 50_000), key=str(number))
    await rig.client("maya").wait_for(lambda record: record.id == 41, PATIENCE)
    with pytest.raises(ConnectionError):  # noqa: PT012 - it may take several lines until the break shows
        async with asyncio.timeout(PATIENCE):
            while True:
                if not await reader.read(1 << 16):
                    raise ConnectionResetError
    writer.close()


async def test_what_the_room_refuses_is_said_and_changes_nothing(rig: LocalRig) -> None:
    maya, ravi = rig.client("maya"), rig.client("ravi")
    root = await maya.post("root")
    await rig.adapter.post(records.thread_of("general", root), message.text("a card"), key="c")
    for attempt in (
        ravi.edit(root, "forged"),
        ravi.delete(root),
        maya.press(root, "token"),
        maya.press(99, "token"),
        maya.react(99, "👀"),
        maya.post("into nowhere", thread=99),
        maya.post("into a reply", thread=root + 1),
        maya.post("other channel", thread=root, channel="alerts"),
        maya.post(" "),
        maya.post("x", channel="a/b"),
        maya.post("x" * (requests.MAX_TEXT + 1)),
        maya.post("not my file", files=["0" * 32]),
        maya.download("0" * 32),
    ):
        with pytest.raises(BadInput):
            await attempt
    assert [record.text for record in await maya.read(root)] == ["root", ""]


async def test_a_task_of_200_kb_goes_through_whole(rig: LocalRig) -> None:
    words = "fix it " * 30_000
    await rig.user_posts(words)
    event = await rig.next_event()
    assert isinstance(event, events.Posted)
    assert event.text == words


def test_edits_on_a_clock_that_stands_still_are_told_apart(home: Path) -> None:
    kept = room.Room(home / "chat.db")
    kept.enter("maya", "Maya")
    said, _ = kept.say("maya", "general", 0, "a", at=AT)
    kept.change("maya", said.id, "b", at=AT)
    kept.change("maya", said.id, "c", at=AT)
    instants = [deed.at for deed in kept.waiting()]
    assert instants == [AT, AT + timedelta(microseconds=1), AT + timedelta(microseconds=2)]
    kept.close()


def test_a_large_thread_is_read_in_parts(home: Path) -> None:
    kept = room.Room(home / "chat.db")
    kept.enter("maya", "Maya")
    root, _ = kept.say("maya", "general", 0, "root", at=AT)
    for number in range(200):
        kept.say("maya", "general", root.id, str(number), at=AT)
    found, total = kept.thread("general", root.id, limit=10)
    assert (total, [record.text for record in found]) == (201, ["root", *map(str, range(190, 200))])
    assert [heading.count for heading in kept.headings(10)] == [201]
    kept.close()


def test_the_file_is_safe_against_a_loss_of_power(home: Path) -> None:
    kept = room.Room(home / "chat.db")
    assert kept._db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert kept._db.execute("PRAGMA synchronous").fetchone()[0] == 2
    kept.close()
    with closing(sqlite3.connect(home / "chat.db")) as db:
        assert db.execute("PRAGMA quick_check").fetchone()[0] == "ok"


async def test_a_press_asked_again_counts_once(rig: LocalRig) -> None:
    sent = await rig.user_posts("root")
    card = int(await rig.adapter.post(sent.thread, message.text("card"), key="c"))
    for _ in range(2):
        await rig.client("maya")._line.ask("press", key="same", message=card, token="t")
    await rig.user_posts("after", thread=sent.thread)
    kinds = [(await rig.next_event()).kind for _ in range(3)]
    assert kinds == ["posted", "pressed", "posted"]


def test_a_whisper_is_not_for_the_next_reader(home: Path) -> None:
    kept = room.Room(home / "chat.db")
    kept.enter("maya", "Maya")
    root, _ = kept.say("maya", "general", 0, "root", at=AT)
    kept.post("general", root.id, message.text("psst"), key="w", at=AT, to="ravi")

    def seen(found: list[Record]) -> list[bool]:
        return [record.body is not None for record in found]

    assert seen(list(kept.newest(10, "maya"))) == [False]
    assert seen(list(kept.newest(10, "ravi"))) == [False, True]
    assert seen(list(kept.thread("general", root.id, limit=10)[0])) == [False]
    kept.close()


async def test_the_registry_loads_it_by_name(home: Path) -> None:
    assert registry.load("local")(home=home, clock=QuickClock()).platform == "local"
    with pytest.raises(BadInput, match="lokal") as caught:
        registry.load("lokal")
    assert "local" in caught.value.remedy


async def test_what_was_acked_survives_a_kill_and_is_told_once(home: Path) -> None:
    async def daemon() -> asyncio.subprocess.Process:
        child = await asyncio.create_subprocess_exec(sys.executable, "-c", SERVING, str(home), stdout=-1)
        assert child.stdout is not None
        await child.stdout.readline()
        return child

    child = await daemon()
    async with Client(home / "chat.sock", "maya", patience=PATIENCE) as client:

        async def talk() -> None:
            for number in range(60):
                await client.post(f"line {number}")

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(talk())
            for count in (10, 30):
                await client.wait_for(lambda record, count=count: record.text == f"line {count}", PATIENCE)  # type: ignore[misc]
                child.kill()
                await child.wait()
                child = await daemon()
        child.kill()
        await child.wait()
    heard: asyncio.Queue[events.Event] = asyncio.Queue()
    async with LocalChat(home=home, clock=QuickClock()) as chat:
        listening = asyncio.create_task(chat.listen(heard.put))
        got = [await asyncio.wait_for(heard.get(), PATIENCE) for _ in range(60)]
        listening.cancel()
    assert [event.text for event in got if isinstance(event, events.Posted)] == [
        f"line {number}" for number in range(60)
    ]
    assert heard.empty()


def test_the_daemon_does_not_load_what_draws_on_screens() -> None:
    code = (
        "import sys; from adapters import registry; registry.load('local');"
        " print([name for name in ('rich', 'prompt_toolkit') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
