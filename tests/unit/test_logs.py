"""Log lines. Owns: what they hold, and what never gets into them."""

from __future__ import annotations

import base64
import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from bridge import logs

SECRET = "sk-ant-very/secret+value"


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_our_lines_and_a_librarys_look_alike() -> None:
    stream = io.StringIO()
    logs.configure("info", "json", stream=stream)
    with structlog.contextvars.bound_contextvars(loop="3f9a2c", thread="local:a/b/1"):
        structlog.get_logger("bridge.x").info("turn.done", seconds=3)
        logging.getLogger("adapters.y").warning("pool.closed", extra={"count": 2})
    ours, theirs = lines(stream)
    assert (ours["event"], ours["seconds"], ours["level"], ours["logger"]) == (
        "turn.done",
        3,
        "info",
        "bridge.x",
    )
    assert (theirs["event"], theirs["count"], theirs["loop"]) == ("pool.closed", 2, "3f9a2c")
    assert str(ours["timestamp"]).endswith("Z")


def test_the_level_holds() -> None:
    stream = io.StringIO()
    logs.configure("warning", "json", stream=stream)
    structlog.get_logger("bridge.x").info("no")
    logging.getLogger("adapters.y").info("no")
    assert stream.getvalue() == ""


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_line_holds_a_secret(form: str) -> None:
    stream = io.StringIO()
    logs.configure("info", "json" if form == "json" else "console", secrets=[SECRET], stream=stream)
    log = structlog.get_logger("bridge.x")
    log.info(
        "key %s",
        SECRET,
        value=SECRET,
        nested={"deep": [SECRET]},
        coded=base64.b64encode(SECRET.encode()).decode(),
    )
    try:
        int(SECRET)
    except ValueError:
        log.exception("failed")
        logging.getLogger("lib").exception("failed too")
    said = stream.getvalue()
    assert "failed too" in said
    assert SECRET not in said
    assert base64.b64encode(SECRET.encode()).decode()[:-4] not in said


def test_what_is_hidden_later_is_hidden_too() -> None:
    stream = io.StringIO()
    logs.configure("info", "json", secrets=[SECRET], stream=stream)
    logs.hide(["seed-made-later"])
    structlog.get_logger("bridge.x").info("x", first=SECRET, second="seed-made-later")
    assert (lines(stream)[0]["first"], lines(stream)[0]["second"]) == ("[secret]", "[secret]")


def test_configuring_again_replaces() -> None:
    first, second = io.StringIO(), io.StringIO()
    logs.configure("info", "json", stream=first)
    logs.configure("info", "json", stream=second)
    structlog.get_logger("bridge.x").info("once")
    assert first.getvalue() == ""
    assert len(lines(second)) == 1


def test_a_file_is_no_console() -> None:
    stream = io.StringIO()
    logs.configure("info", "auto", stream=stream)
    structlog.get_logger("bridge.x").info("x")
    assert lines(stream)[0]["event"] == "x"
