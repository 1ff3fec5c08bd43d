"""The composition root: the only place that builds things. Owns: open_bridge, Bridge. Imports: everything. Effects: the whole bridge."""

from __future__ import annotations

import asyncio
import importlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

import structlog

from adapters.git.host import GitHost
from adapters.git.journal import GitJournal
from adapters.git.layers import GitLayers
from adapters.store.store import SqlStore
from bridge import contexts, edge, logs, origins, rules, timers, wanted, workshop
from bridge.board import Boards
from bridge.chats import Chats
from bridge.clock import SystemClock
from bridge.delivery import Delivery
from bridge.dispatch import Dispatcher
from bridge.home import Home
from bridge.journalling import Journalling
from bridge.looks import Looks
from bridge.metrics import Metrics
from bridge.news import News
from bridge.overview import Overview
from bridge.perform import Hand, Performer
from bridge.reading import Reading
from bridge.relaying import Relaying
from bridge.reporting import Reporting
from bridge.supervise import Supervisor
from bridge.whys import Whys
from bridge.workshop import Ground, Workshop
from config import settings as configuration
from config.settings import Settings
from core import effects, events
from core.desk import House
from core.policy import Policy
from core.ports import Clock
from core.redact import Redactor

log = structlog.get_logger(__name__)
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
    """Lay the ground, and build upon it from the inside out; `stack` closes what was opened, in reverse order."""
    policy = await asyncio.to_thread(rules.load, Home(settings.home).policy)
    url = settings.database.url.get_secret_value() or Home(settings.home).database_url
    store = await stack.enter_async_context(SqlStore(url, clock=clock))
    wires = _Wires()
    news = News(store=store, clock=clock, emit=wires.emit)
    reporting = Reporting(store=store, emit=wires.emit)
    outer = await edge.build(settings, Home(settings.home), clock, stack, reporting, news)
    news.layers = outer.layers
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
    ground = Ground(
        settings=settings, home=Home(settings.home), clock=clock, store=store, emit=wires.emit, outer=outer, policy=policy, chats=chats,
        supervisor=supervisor,
    )  # fmt: skip
    shop = await workshop.build(ground)
    journal, metrics = _journal(settings, store, clock, redactor.text), Metrics()
    stack.push_async_callback(journal.close)
    context = _context(ground, shop, redactor)
    delivery = _delivery(ground, shop, house, redactor)
    performer = _performer(ground, shop, context, delivery)
    seen = (metrics.seen, journal.seen)
    dispatcher = Dispatcher(store=store, house=house, clock=clock, take=performer.take, seen=seen)
    stack.push_async_callback(dispatcher.close)
    wires.dispatcher = dispatcher
    return Bridge(
        settings=settings, store=store, dispatcher=dispatcher, performer=performer, delivery=delivery, chats=chats, metrics=metrics,
        git=outer.git, layers=outer.layers, claim_code=code, clock=clock, journal=journal, news=news, tasks=context.tasks,
    )  # fmt: skip


def _context(on: Ground, shop: Workshop, redactor: Redactor) -> contexts.Contexts:
    """Return what context adds; the agent's tools among it are handed to the sessions."""
    needs = contexts.Needs(
        settings=on.settings, home=on.home, store=on.store, git=on.outer.git, layers=on.outer.layers, boxes=shop.boxes,
        promoting=shop.promoting, chats=on.chats, clock=on.clock, emit=on.emit, clean=redactor.text,
    )  # fmt: skip
    context = contexts.build(needs)
    on.outer.tools.extend(context.tools)
    return context


def _delivery(on: Ground, shop: Workshop, house: House, redactor: Redactor) -> Delivery:
    """Return what brings messages to people, and answers their looks."""
    looks = Looks(
        store=on.store, works=shop.works, clock=on.clock, whys=Whys(store=on.store, repos=house.repos), secret=house.secret,
        boards=Boards(store=on.store, clock=on.clock), layers=on.outer.layers, promoting=shop.promoting,
    )  # fmt: skip
    return Delivery(
        store=on.store, chats=on.chats.connected, clock=on.clock, answer=looks, supervisor=on.supervisor, clean=redactor.message,
    )  # fmt: skip


def _performer(on: Ground, shop: Workshop, context: contexts.Contexts, delivery: Delivery) -> Performer:
    """Return what carries effects out: those for people by the delivery, all others by their hands."""
    relaying = Relaying(store=on.store, chats=on.chats.connected, clock=on.clock, emit=on.emit)
    chat: dict[type[effects.Doing], Hand] = {
        effects.Relay: relaying.relay,
        effects.Follow: relaying.follow,
        effects.ReadThread: Reading(chats=on.chats.connected, clock=on.clock, emit=on.emit),
    }
    return Performer(
        store=on.store, delivery=delivery, legs=shop.legs, others={**shop.hands, **chat, **context.hands}, emit=on.emit, clock=on.clock,
        supervisor=on.supervisor,
    )  # fmt: skip


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
    supervisor.once("layers", bridge.news.catch_up)


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
