"""The composition root: the only place that builds things. Owns: open_bridge, Bridge. Imports: everything. Effects: the whole bridge."""

from __future__ import annotations

import asyncio
import importlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog

from adapters.git.host import GitHost
from adapters.git.journal import GitJournal
from adapters.git.layers import GitLayers
from adapters.store.store import SqlStore
from bridge import contexts, edge, logs, origins, rules, timers, wanted
from bridge.board import Boards
from bridge.boxes import Boxes
from bridge.capsules import Capsules
from bridge.chats import Chats
from bridge.claims import Claims
from bridge.clock import SystemClock
from bridge.closing import Closing
from bridge.delivery import Delivery
from bridge.dispatch import Dispatcher
from bridge.distilling import Distilling
from bridge.fetching import Fetching
from bridge.home import Home
from bridge.journalling import Journalling
from bridge.legs import Legs
from bridge.looks import Looks
from bridge.memory import MemoryGuard
from bridge.metrics import Metrics
from bridge.news import News
from bridge.overview import Overview
from bridge.perform import Performer
from bridge.preparing import Preparing, Versions, sha256
from bridge.promoting import Promoting
from bridge.reading import Reading
from bridge.relaying import Relaying
from bridge.reporting import Reporting
from bridge.supervise import Supervisor
from bridge.whys import Whys
from bridge.works import Works
from config import settings as configuration
from config.settings import Settings
from core import effects, events
from core.desk import House
from core.policy import Policy
from core.ports import Clock
from core.redact import Redactor

log = structlog.get_logger(__name__)
DOCTRINES = Path(__file__).parent.parent / "config" / "doctrine"
CODE_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"


@dataclass(slots=True, kw_only=True)
class Bridge:
    """A bridge that stands. `claim_code` is what the console shows until somebody claimed it."""

    settings: Settings
    store: SqlStore
    dispatcher: Dispatcher
    performer: Performer
    delivery: Delivery
    chats: Chats
    metrics: Metrics
    git: GitHost
    layers: GitLayers
    claim_code: str
    clock: Clock
    journal: Journalling
    news: News
    tasks: Mapping[str, Callable[[], Awaitable[None]]]

    async def warm_up(self) -> None:
        """Import what the first loop would wait for."""
        await asyncio.to_thread(importlib.import_module, "claude_agent_sdk")
        await self.git.probe()

    def health(self) -> dict[str, object]:
        """Return what /healthz tells: "ok", or "degraded" with what is wrong."""
        self.metrics.pending_events.set(self.dispatcher.pending)
        self.metrics.pending_posts.set(self.delivery.pending)
        self.metrics.running.set(len(self.performer.running))
        chats = self.chats.states()
        fine = all(state == "connected" for state in chats.values())
        return {
            "status": "ok" if fine else "degraded",
            "home": str(self.settings.home),
            "chats": chats,
            "pending_events": self.dispatcher.pending,
            "pending_posts": self.delivery.pending,
            "running_turns": len(self.performer.running),
        }


@asynccontextmanager
async def open_bridge(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[Bridge]:
    """Build the bridge and go on with what a stop or a crash left; leaving stops it in reverse order.

    Raises LoopbridgeError when something it needs is missing: the home, the database, a service user, the CLI.
    """
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        bridge = await _build(settings, clock, stack)
        left = await bridge.store.jobs()
        await bridge.dispatcher.recover()
        await bridge.chats.admit_own_user(bridge.dispatcher.emit)
        await bridge.dispatcher.idle()
        if (await bridge.store.people()).claimed:
            bridge.claim_code = ""
        await bridge.performer.recover(left, await timers.last_alive(bridge.store))
        _start_timers(bridge, await stack.enter_async_context(Supervisor(clock)))
        await bridge.chats.start(bridge.dispatcher.emit)
        yield bridge


async def _build(settings: Settings, clock: Clock, stack: AsyncExitStack) -> Bridge:
    home = Home(settings.home)
    policy = await asyncio.to_thread(rules.load, home.policy)
    url = settings.database.url.get_secret_value() or home.database_url
    store = await stack.enter_async_context(SqlStore(url, clock=clock))
    wires = _Wires()
    news = News(store=store, clock=clock, emit=wires.emit)
    outer = await edge.build(settings, home, clock, stack, Reporting(store=store, emit=wires.emit), news)
    news.layers = outer.layers
    git, gateway, runner, limits = outer.git, outer.gateway, outer.runner, outer.limits
    supervisor = await stack.enter_async_context(Supervisor(clock))
    house, code = await _house(settings, policy, store)
    private = (*configuration.secrets(settings), house.secret)
    logs.hide(private)
    redactor = Redactor(private)
    overview = Overview(store=store, clock=clock, clean=redactor.message)
    builders = wanted.builders(settings, clock=clock, store=store, overview=overview)
    chats = await stack.enter_async_context(
        Chats(settings=settings, clock=clock, supervisor=supervisor, builders=builders)
    )
    metrics = Metrics()
    boxes = Boxes(sandbox=outer.sandbox, git=git, layers=outer.layers, cli=outer.cli, limits=limits)
    guard = MemoryGuard(limits.memory_bytes)
    supervisor.keep("memory", guard.watchdog.run)
    doctrine, distilling = await asyncio.to_thread(_doctrines)
    fetch = Fetching(chats=chats.connected)
    capsules = Capsules(loops=home.loops, store=store, clock=clock, emit=wires.emit)
    legs = Legs(
        loops=home.loops, store=store, gateway=gateway, runner=runner, clock=clock, emit=wires.emit, doctrine=doctrine,
        model=settings.model.name, park_after=settings.asks.park_after.total_seconds(), guard=guard, fetch=fetch, boxes=boxes,
        capsules=capsules, distilling=distilling,
    )  # fmt: skip
    works = Works(loops=home.loops, store=store, git=git, boxes=boxes, clock=clock, emit=wires.emit)
    preparing = Preparing(
        loops=home.loops, store=store, git=git, layers=outer.layers, sandbox=outer.sandbox, gateway=gateway, runner=runner, boxes=boxes, clock=clock, emit=wires.emit,
        versions=Versions(doctrine=sha256(doctrine + distilling), policy=sha256(repr(policy)), cli=outer.version), first_leg=legs.first, fetch=fetch,
        capsules=capsules,
    )  # fmt: skip
    promoting = Promoting(
        loops=home.loops, store=store, layers=outer.layers, promotions=outer.layers.promotions, boxes=boxes, clock=clock, emit=wires.emit,
        prove=Distilling(store=store, clock=clock, emit=wires.emit).unproven, ground=Claims(store=store, clock=clock, emit=wires.emit).grounds,
    )  # fmt: skip
    looks = Looks(
        store=store, works=works, clock=clock, whys=Whys(store=store, repos=house.repos), secret=house.secret, boards=Boards(store=store, clock=clock), layers=outer.layers,
        promoting=promoting,
    )  # fmt: skip
    journal = _journal(settings, store, clock, redactor.text)
    stack.push_async_callback(journal.close)
    needs = contexts.Needs(
        settings=settings, home=home, store=store, git=git, layers=outer.layers, boxes=boxes, promoting=promoting, chats=chats, clock=clock, emit=wires.emit, clean=redactor.text,
    )  # fmt: skip
    context = contexts.build(needs)
    outer.tools.extend(context.tools)
    delivery = Delivery(
        store=store, chats=chats.connected, clock=clock, answer=looks, supervisor=supervisor, clean=redactor.message,
    )  # fmt: skip
    relaying = Relaying(store=store, chats=chats.connected, clock=clock, emit=wires.emit)
    performer = Performer(
        store=store,
        delivery=delivery,
        legs=legs,
        others={
            effects.Prepare: preparing,
            effects.TakeWork: works,
            effects.LandWork: works.land,
            effects.CloseLoop: Closing(
                loops=home.loops, runner=runner, gateway=gateway, guard=guard, store=store
            ),
            effects.Relay: relaying.relay,
            effects.Follow: relaying.follow,
            effects.ReadThread: Reading(chats=chats.connected, clock=clock, emit=wires.emit),
            **context.hands,
        },
        emit=wires.emit,
        clock=clock,
        supervisor=supervisor,
    )
    seen = (metrics.seen, journal.seen)
    dispatcher = Dispatcher(store=store, house=house, clock=clock, take=performer.take, seen=seen)
    stack.push_async_callback(dispatcher.close)
    wires.dispatcher = dispatcher
    return Bridge(
        settings=settings, store=store, dispatcher=dispatcher, performer=performer, delivery=delivery, chats=chats, metrics=metrics,
        git=git, layers=outer.layers, claim_code=code, clock=clock, journal=journal, news=news, tasks=context.tasks,
    )  # fmt: skip


def _doctrines() -> tuple[str, str]:
    """Return the agent's standing texts: for work, and for distilling."""
    loop, distill = ((DOCTRINES / name).read_text(encoding="utf-8") for name in ("loop.md", "distill.md"))
    return loop, distill


class _Wires:
    """Lets what is built first speak to what is built last."""

    dispatcher: Dispatcher

    async def emit(self, event: events.Event) -> None:
        await self.dispatcher.insist(event)


def _start_timers(bridge: Bridge, supervisor: Supervisor) -> None:
    ticking = timers.Timers(
        store=bridge.store,
        clock=bridge.clock,
        emit=bridge.dispatcher.emit,
        running=bridge.performer.running.values,
    )
    supervisor.keep("asks", ticking.asks)
    supervisor.keep("pulses", ticking.pulses)
    supervisor.keep("sign of life", ticking.sign_of_life)
    supervisor.keep("journal", bridge.journal.run)
    for name, work in bridge.tasks.items():
        supervisor.keep(name, work)
    supervisor.once("layers", bridge.news.catch_up())


def _journal(settings: Settings, store: SqlStore, clock: Clock, clean: Callable[[str], str]) -> Journalling:
    return Journalling(
        ledger=store.ledger,
        journal=GitJournal(
            Home(settings.home).layer("journal"),
            clock=clock,
            remote=settings.journal.remote,
            grants=origins.grants(settings),
        ),
        clock=clock,
        every=settings.journal.every.total_seconds(),
        clean=clean,
    )


async def _house(settings: Settings, policy: Policy, store: SqlStore) -> tuple[House, str]:
    secret = await _kept(store, "secret", partial(secrets.token_hex, 16))
    code = await _kept(store, "claim_code", _new_code)
    if (await store.people()).claimed:
        code = ""
    house = House(
        policy=policy,
        secret=secret,
        claim_code=code,
        repos=tuple(sorted(settings.repos)),
        default_repo=settings.defaults.repo,
        model=settings.model.name,
        budget_usd=settings.defaults.budget_usd,
        ask_expires=settings.asks.expires,
        ask_reminds=settings.asks.reminds,
        zone=settings.jobs.zone,
    )
    return house, code


async def _kept(store: SqlStore, name: str, make: Callable[[], str]) -> str:
    value = await store.kept(name)
    if value is None:
        value = make()
        await store.keep(name, value)
    return value


def _new_code() -> str:
    letters = [secrets.choice(CODE_LETTERS) for _ in range(8)]
    return "".join(letters[:4]) + "-" + "".join(letters[4:])
