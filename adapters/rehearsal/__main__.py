"""`python -m adapters.rehearsal SCRIPT`. Owns: main. Imports: argparse, server. Effects: listens until interrupted, prints."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from adapters.rehearsal import script
from adapters.rehearsal.server import Rehearsal
from core.errors import LoopbridgeError


async def serve(path: Path, port: int, key: str | None) -> None:
    """Answer by the script until interrupted or terminated; the address is the first line printed."""
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Said aloud, because a shell that starts a program in its background has it ignore the first of them.
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with Rehearsal(script.load(path), port=port, key=key) as model:
        sys.stdout.write(f"{model.base_url}\n")
        sys.stdout.flush()
        await ended.wait()


def main() -> int:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(
        prog="python -m adapters.rehearsal", description="A scripted Messages API on loopback."
    )
    parser.add_argument("script", type=Path, metavar="SCRIPT", help="a TOML script, such as demo.toml")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port")
    parser.add_argument("--key", default=None, help="refuse requests without this key")
    given = parser.parse_args()
    try:
        asyncio.run(serve(given.script, given.port, given.key))
    except LoopbridgeError as exc:
        sys.stderr.write(f"{exc} {exc.remedy}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
