"""Events on their way to the disk: lines (a) and (e). Owns: ack, throughput. Imports: bridge.dispatch, adapters.store. Effects: databases in a folder."""

from __future__ import annotations

import asyncio
import gc
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adapters.store.store import SqlStore
from bridge.clock import SystemClock
from bridge.dispatch import Dispatcher
from core import events, ids, policy
from core.desk import House
from tests.bench.report import Line

ROUNDS, ACKS = 9, 60
LANES, EACH = 100, 10
NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
ORDERED = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE TABLE%' AND name NOT LIKE '%\\_%' ESCAPE '\\'"


@asynccontextmanager
async def _dispatcher(path: Path) -> AsyncIterator[Dispatcher]:
    clock = SystemClock()
    house = House(policy=policy.Policy(rules=()), secret="s" * 32, repos=("thousand",), model="m")
    async with SqlStore(f"sqlite:///{path}", clock=clock) as store:
        dispatcher = Dispatcher(store=store, house=house, clock=clock, take=lambda jobs: None)
        await dispatcher.emit(
            events.Admitted(
                lane=ids.thread_key("local", "home", "console", "0"),
                at=NOW,
                identity=ids.identity_key("local", "home", "maya"),
                name="Maya",
                role="admin",
            )
        )
        await dispatcher.idle()
        try:
            yield dispatcher
        finally:
            await dispatcher.close()


def _posted(lane: int, number: int, text: str) -> events.Posted:
    author = events.Author(identity=ids.identity_key("local", "home", "maya"), name="Maya")
    return events.Posted(
        lane=ids.thread_key("local", "home", "general", str(lane)),
        at=NOW,
        message=str(number),
        author=author,
        text=text,
    )


async def ack(root: Path) -> Sequence[Line]:
    """(a): from `emit` to its return, against one insert and commit by the driver on the event loop's own thread."""
    ours, floor = [], []
    bare = _bare(root / "ack-floor.db")
    bare.execute(
        "CREATE TABLE event (id INTEGER PRIMARY KEY, dedup TEXT UNIQUE, kind TEXT, lane TEXT, payload TEXT, at INTEGER)"
    )
    text = "the session test fails again on CI, third time this week"
    payload = '{"lane":"local:home/general/1","text":"' + text + '"' + "," * 200 + "}"
    with closing(bare):
        async with _dispatcher(root / "ack.db") as dispatcher:
            for turn in range(ROUNDS + 1):
                mine, its = [], []
                for number in range(turn * ACKS, turn * ACKS + ACKS):
                    event = _posted(number, number, text)
                    began = time.perf_counter()
                    await dispatcher.emit(event)
                    mine.append(time.perf_counter() - began)
                    await dispatcher.idle()
                    row = (number + 1, event.dedup, "posted", event.lane, payload, number)
                    began = time.perf_counter()
                    bare.execute("BEGIN IMMEDIATE")
                    bare.execute("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?)", row)
                    bare.execute("COMMIT")
                    its.append(time.perf_counter() - began)
                if turn:  # the first warms both up
                    ours.append(sorted(mine)[ACKS // 2])
                    floor.append(sorted(its)[ACKS // 2])
    return [
        Line(
            name="a",
            what="event → durable ack",
            ours=ours,
            floor=floor,
            goal=4.0,
            against="one row, one durable commit, the bare driver",
            note=f"each run is the median of {ACKS}",
        )
    ]


async def throughput(root: Path) -> Sequence[Line]:
    """(e): many lanes at once through dispatch, against the rows they left, inserted by one bare connection."""
    ours, floor = [], []
    count = LANES * EACH
    rows = 0
    for turn in range(8):
        path = root / f"dispatch-{turn}.db"
        batch = [
            _posted(lane, number, _words(lane, number)) for number in range(EACH) for lane in range(LANES)
        ]
        async with _dispatcher(path) as dispatcher:
            gc.collect()
            began = time.perf_counter()
            await asyncio.gather(*(dispatcher.emit(event) for event in batch))
            await dispatcher.idle()
            mine = time.perf_counter() - began
        its, rows = await asyncio.to_thread(_again, path, root / f"bare-{turn}.db", count)
        if turn:
            ours.append(mine)
            floor.append(its)
    return [
        Line(
            name="e",
            what=f"{count} events in {LANES} lanes through dispatch, durable",
            ours=ours,
            floor=floor,
            goal=0.3,
            at_least=True,
            against="the same rows into the same tables by one bare connection, a durable commit per event",
            note=f"{rows} rows: events, loops, effects, nodes, edges; one message in ten starts a loop; {count / sorted(ours)[len(ours) // 2]:.0f} events/s",
        )
    ]


def _words(lane: int, number: int) -> str:
    if number == EACH // 2:
        return "/loop --repo thousand fix the failing test"
    return f"message {number} of thread {lane}: probably the comparison, a token is over when its lifetime has passed"


def _again(path: Path, empty: Path, count: int) -> tuple[float, int]:
    """Insert what a database holds into an empty one of the same schema; return the seconds and how many rows that were."""
    with closing(sqlite3.connect(path)) as full:
        schema = [
            sql
            for (sql,) in full.execute(
                "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND"
                " name NOT IN (SELECT name FROM pragma_table_list WHERE type = 'shadow') ORDER BY rowid"
            )
        ]
        tables = [name for (name,) in full.execute(ORDERED)]
        rows: list[tuple[str, tuple[Any, ...]]] = []
        for name in tables:
            found = full.execute(f"SELECT * FROM {name}").fetchall()  # noqa: S608 - a table's name
            if found:
                marks = ", ".join("?" * len(found[0]))
                rows += [(f"INSERT INTO {name} VALUES ({marks})", row) for row in found]  # noqa: S608
    shares = [rows[number::count] for number in range(count)]
    with closing(_bare(empty)) as bare:
        for sql in schema:
            bare.execute(sql)
        began = time.perf_counter()
        for share in shares:
            bare.execute("BEGIN IMMEDIATE")
            for sql, row in share:
                bare.execute(sql, row)
            bare.execute("COMMIT")
        took = time.perf_counter() - began
    for file in (path, empty):
        for each in file.parent.glob(file.name + "*"):
            if each.is_dir():
                shutil.rmtree(each)
            else:
                each.unlink()
    return took, len(rows)


def _bare(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = OFF")
    return connection
