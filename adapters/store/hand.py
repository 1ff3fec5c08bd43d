"""One connection, held by one thread. Owns: Hand, Ids. Imports: sqlalchemy, adapters.store. Effects: runs statements."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from adapters.store import codec
from core import errors, ports


class Hand:
    """Runs fixed statements, each put into the driver's form once. `:name` marks a parameter; text parameters are cleaned."""

    def __init__(self, connection: sa.Connection, words: codec.Codec, clock: ports.Clock) -> None:
        self.connection = connection
        driver = connection.connection.driver_connection
        if not isinstance(driver, sqlite3.Connection):
            raise TypeError("these statements are run by sqlite3 itself")
        # SQLAlchemy's own way of running a statement costs several times what SQLite takes for it.
        self._driver = driver
        self._driver.row_factory = sqlite3.Row
        self._begin = str(connection.get_execution_options().get("begin", "BEGIN"))
        self.codec = words
        self._clock = clock
        self._ready: dict[str, str] = {}
        self._ids: dict[str, int] = {}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what is done inside, durably, or nothing of it. Raises what the driver raises."""
        self._driver.execute(self._begin)
        try:
            yield
            self._driver.execute("COMMIT")
        except BaseException:
            if self._driver.in_transaction:  # some failures end it by themselves
                self._driver.execute("ROLLBACK")
            raise

    def now(self) -> int:
        """Return the present in microseconds."""
        return codec.micros(self._clock.now())

    def run(self, statement: str, **values: str | float | None) -> int:
        """Run a statement and return how many rows it changed."""
        return self._execute(statement, values).rowcount

    def many(self, statement: str, rows: Sequence[tuple[str | float | None, ...]]) -> None:
        """Run a statement, whose parameters are marked by `?`, once per row."""
        if not rows:
            return
        # To look at all texts as one is several times quicker than to look at each.
        whole = "".join([value for row in rows for value in row if type(value) is str])
        if codec.clean(whole) is not whole:
            rows = [_clean(row) for row in rows]
        self._driver.executemany(statement, rows)

    def rows(self, statement: str, **values: str | float | None) -> Iterator[sqlite3.Row]:
        """Yield the rows of a query; their columns go by name."""
        for row in self._execute(statement, values):  # noqa: UP028 - left early, it would close a cursor of a connection that may be gone
            yield row

    def row(self, statement: str, **values: str | float | None) -> sqlite3.Row | None:
        """Return the first row of a query."""
        found: sqlite3.Row | None = self._execute(statement, values).fetchone()
        return found

    def only(self, statement: str, **values: str | float | None) -> sqlite3.Row:
        """Return the row of a query that always has one. Raises Damaged."""
        found = self.row(statement, **values)
        if found is None:
            raise errors.Damaged(
                "A row the database refers to is missing.", remedy="Put a backup in its place."
            )
        return found

    def column(self, statement: str, **values: str | float | None) -> Iterator[Any]:
        """Yield the first column of a query's rows."""
        return (row[0] for row in self._execute(statement, values))

    def value(self, statement: str, **values: str | float | None) -> Any:
        """Return the first column of a query's first row."""
        found = self._execute(statement, values).fetchone()
        return None if found is None else found[0]

    def next_id(self, table: str, column: str = "id") -> int:
        """Return the next id of a table. One thread of one process writes, so counting here is enough; a rolled back id is skipped."""
        if table not in self._ids:
            self._ids[table] = self.value(f"SELECT coalesce(max({column}), 0) FROM {table}")  # noqa: S608 - names of ours
        self._ids[table] += 1
        return self._ids[table]

    def renumber(self, table: str) -> None:
        """Look at the table again before the next id is given out: rows came in with ids of their own."""
        self._ids.pop(table, None)

    def _execute(self, statement: str, values: Mapping[str, str | float | None]) -> sqlite3.Cursor:
        return self._driver.execute(self._worded(statement), _cleaned(values))

    def _worded(self, statement: str) -> str:
        ready = self._ready.get(statement)
        if ready is None:
            ready = self._ready[statement] = str(sa.text(statement).compile(dialect=self.connection.dialect))
        return ready


def _clean(row: tuple[str | float | None, ...]) -> tuple[str | float | None, ...]:
    for value in row:
        if type(value) is str and codec.clean(value) is not value:
            return tuple(codec.clean(each) if type(each) is str else each for each in row)
    return row


def _cleaned(values: Mapping[str, str | float | None]) -> Mapping[str, str | float | None]:
    for value in values.values():
        if type(value) is str and codec.clean(value) is not value:
            return {name: codec.clean(each) if type(each) is str else each for name, each in values.items()}
    return values
