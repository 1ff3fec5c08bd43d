"""The daemon: a bridge that runs until it is told to stop. Owns: run. Imports: bridge. Effects: signals, standard output, a port."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from functools import partial

import structlog

from bridge import app, web
from bridge.home import Home
from bridge.supervise import Supervisor
from config.settings import Settings

log = structlog.get_logger(__name__)
YOUNG = (5_000, 20, 20)  # objects, then searches, until the garbage of the next generation is looked for


async def run(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT; return the exit code. What was under way is taken up again by the next start."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    _watch_children()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    async with (
        app.open_bridge(settings) as bridge,
        web.serve(
            settings.http.host, settings.http.port, health=bridge.health, metrics=bridge.metrics
        ) as port,
        Supervisor(bridge.clock) as supervisor,
    ):
        _greet(bridge, port)
        supervisor.once("warm-up", partial(_warm, bridge))
        await stop.wait()
        log.info("bridge.stopping", running=len(bridge.performer.running))
    log.info("bridge.stopped")
    return 0


async def _warm(bridge: app.Bridge) -> None:
    await bridge.warm_up()
    settle_heap()


def settle_heap() -> None:
    """Leave what a start made, which stays, out of every later search for garbage, and search less often: a turn makes little of it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*YOUNG)


def _watch_children() -> None:
    """Learn of the end of a process from the kernel, as Python 3.12 does by itself: before it, a thread waits for each."""
    if sys.version_info < (3, 12):
        watcher = asyncio.PidfdChildWatcher()
        watcher.attach_loop(asyncio.get_running_loop())
        asyncio.set_child_watcher(watcher)


def _greet(bridge: app.Bridge, port: int) -> None:
    """Say that the bridge is ready, what it lacks and, until somebody claimed it, with which code that is done."""
    settings = bridge.settings
    log.info(
        "bridge.ready",
        home=str(settings.home),
        http=f"http://{settings.http.host}:{port}",
        chats=bridge.chats.states(),
    )
    if settings.model.lacks_key:
        home = Home(settings.home)
        sys.stdout.write(
            f'No key for the model is configured. Put it into {home.keys}/model, and api_key_file = "keys/model"'
            f" under [model] in {home.config}; then start the bridge again.\n"
        )
    if bridge.claim_code:
        sys.stdout.write(
            f"Nobody has claimed this bridge yet. In a chat it is in, write:  /loop claim {bridge.claim_code}\n"
            "Whoever does so first becomes its admin.\n"
        )
    sys.stdout.flush()
