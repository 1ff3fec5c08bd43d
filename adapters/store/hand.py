"""One connection, held by one thread. Owns: Hand, Ids. Imports: sqlalchemy, adapters.store. Effects: runs statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from adapters.store import codec
from core import ports


class Hand:
    """Runs fixed statements, each put into the driver's form once. `:name` marks a parameter; text parameters are cleaned."""

    def __init__(self, connection: sa.Connection, words: codec.Codec, clock: ports.Clock) -> None:
        self.connection = connection
        self.codec = words
        self._clock = clock
        self._ready: dict[str, str] = {}
        self._ids: dict[str, int] = {}

    def now(self) -> int:
        """Return the present in microseconds."""
        return codec.micros(self._clock.now())

    def run(self, statement: str, **values: str | float | None) -> sa.CursorResult[Any]:
        """Run a statement."""
        for name, value in values.items():
            if type(value) is str:
                values[name] = codec.clean(value)
        return self.connection.exec_driver_sql(self._driver(statement), values)

    def many(self, statement: str, rows: Sequence[Mapping[str, str | float | None]]) -> None:
        """Run a statement once per row."""
        if rows:
            cleaned = [
                {name: codec.clean(value) if type(value) is str else value for name, value in row.items()}
                for row in rows
            ]
            self.connection.exec_driver_sql(self._driver(statement), cleaned)

    def next_id(self, table: str, column: str = "id") -> int:
        """Return the next id of a table. One thread of one process writes, so counting here is enough; a rolled back id is skipped."""
        if table not in self._ids:
            self._ids[table] = self.run(f"SELECT coalesce(max({column}), 0) FROM {table}").scalar_one()  # noqa: S608 - names of ours
        self._ids[table] += 1
        return self._ids[table]

    def _driver(self, statement: str) -> str:
        ready = self._ready.get(statement)
        if ready is None:
            ready = self._ready[statement] = str(sa.text(statement).compile(dialect=self.connection.dialect))
        return ready
