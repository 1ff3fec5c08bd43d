"""What the bridge says of itself. Owns: configure, hide. Imports: structlog, core.redact. Effects: sets up logging for the whole process.

Every line, of ours or of a library, is one event with key-values (loop and thread are bound to it), and passes the redactor last.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from typing import IO, Literal

import structlog
from structlog.typing import Processor

from core.redact import Redactor

QUIET = (
    "aiohttp.access", "asyncio", "git", "alembic", "claude_agent_sdk", "mcp", "httpx", "nio", "peewee", "discord", "slack_bolt",
    "slack_sdk",
)  # fmt: skip
HUSHED = ("discord.client",)  # warns of libraries for voice, which nobody needs here


def configure(
    level: str,
    form: Literal["auto", "console", "json"],
    *,
    secrets: Iterable[str] = (),
    stream: IO[str] | None = None,
) -> None:
    """Send every log line to `stream` (standard error). Doing it again replaces what was set up before."""
    stream = stream or sys.stderr
    console = form == "console" or (form == "auto" and stream.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    last: list[Processor] = (
        [
            structlog.dev.ConsoleRenderer(
                colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
        if console
        else [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer(ensure_ascii=False)]
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Formatter(shared, last, secrets))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.DEBUG if level == "debug" else logging.WARNING)
    for name in HUSHED:
        logging.getLogger(name).setLevel(logging.ERROR)


def hide(secrets: Iterable[str]) -> None:
    """Keep further values out of what `configure` set up."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler.formatter, _Formatter):
            handler.formatter.hide(secrets)


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """Renders a record, then takes the secrets out of the finished line."""

    def __init__(self, foreign: list[Processor], last: list[Processor], secrets: Iterable[str]) -> None:
        super().__init__(
            foreign_pre_chain=foreign,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
        self._secrets = frozenset(secrets)
        self._redact = Redactor(self._secrets)

    def hide(self, secrets: Iterable[str]) -> None:
        """Take these values out as well."""
        self._secrets |= frozenset(secrets)
        self._redact = Redactor(self._secrets)

    def format(self, record: logging.LogRecord) -> str:
        return self._redact.text(super().format(record))
