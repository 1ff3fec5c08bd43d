"""`python -m tests.bench [a b …] [--write]`. Owns: main. Imports: tests.bench. Effects: runs the benches in a temp folder, prints.

Goals are printed, not asserted: it fails only when something could not be run.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from bridge import logs
from tests.bench import (
    capsules,
    chats,
    fifty,
    grounds,
    idle,
    report,
    sessions,
    slack_line,
    slack_thread,
    stores,
)
from tests.bench.report import Line

BENCHES: Mapping[str, Callable[[Path], Awaitable[Sequence[Line]]]] = {
    "a": stores.ack,
    "b": sessions.cold,
    "c": sessions.warm,
    "d": sessions.many,
    "e": stores.throughput,
    "f": idle.idle,
    "capsule": capsules.capsule,
    "slack-ack": slack_line.ack,
    "slack-sign": slack_line.sign,
    "slack-thread": slack_thread.thread,
    "slack-fifty": partial(fifty.fifty, stage=grounds.on_slack),
    "discord-ack": partial(chats.hear, stage=chats.on_discord),
    "discord-sign": partial(chats.sign, stage=chats.on_discord),
    "discord-thread": partial(chats.thread, stage=chats.on_discord, messages=1_000),
    "discord-fifty": partial(fifty.fifty, stage=grounds.on_discord),
    "matrix-ack": partial(chats.hear, stage=chats.on_matrix),
    "matrix-sign": partial(chats.sign, stage=chats.on_matrix),
    "matrix-thread": partial(chats.thread, stage=chats.in_one_room, messages=100),
    "matrix-fifty": partial(fifty.fifty, stage=grounds.on_matrix),
}
DOCUMENT = Path(__file__).parents[2] / "docs" / "benchmarks.md"


async def run(names: Sequence[str]) -> list[Line]:
    """Run benches in the order of their names and print each line as it comes."""
    lines: list[Line] = []
    for name in names:
        folder = Path(tempfile.mkdtemp(prefix="lb-"))
        try:
            for line in await BENCHES[name](folder):
                lines.append(line)
                say(f"{line}\n      load {report.load()}")
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return lines


def say(words: str) -> None:
    """Print at once."""
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


def main() -> int:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {' '.join(BENCHES)} (all)")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    given = parser.parse_args()
    if unknown := set(given.names) - set(BENCHES):
        parser.error(f"there is no bench {' '.join(sorted(unknown))}")
    logs.configure("error", "console")
    say(f"{report.machine()}; load {report.load()}")
    loads = [report.load()]
    lines = asyncio.run(run(sorted(set(given.names)) or list(BENCHES)))
    loads.append(report.load())
    if given.write:
        DOCUMENT.write_text(report.document(lines, loads), encoding="utf-8")
    missed = [line.name for line in lines if not line.met]
    say(
        f"{len(lines) - len(missed)} of {len(lines)} goals met"
        + (f"; missed: {' '.join(missed)}" if missed else "")
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
