"""What is logged while something is checked. Owns: Logbook. Imports: stdlib. Effects: listens at the root logger while entered."""

from __future__ import annotations

import logging
from types import TracebackType
from typing import Self


class Logbook(logging.Handler):
    """Keeps every record from DEBUG on, as far as its logger lets it through."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[logging.LogRecord] = []
        self._before = logging.NOTSET

    def __enter__(self) -> Self:
        root = logging.getLogger()
        self._before = root.level
        root.addHandler(self)
        root.setLevel(logging.DEBUG)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        root = logging.getLogger()
        root.setLevel(self._before)
        root.removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        self.records.append(record)

    def named(self, message: str) -> list[logging.LogRecord]:
        """Return the records whose message is exactly this."""
        return [record for record in self.records if record.msg == message]

    def text(self) -> str:
        """Return everything that any handler could write down of the records: words, extras, traces."""
        plain = logging.Formatter()
        return "\n".join(f"{plain.format(record)} {record.__dict__!r}" for record in self.records)
