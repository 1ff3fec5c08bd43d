"""What makes loops and runs them. Owns: Ground, Workshop, build. Imports: bridge, core. Effects: none but building; reads the agent's standing texts.

The composition root (`bridge.app`) lays the ground: the store, the edge to the agent, the chats. This puts what works on loops onto it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from adapters.store.store import SqlStore
from bridge.boxes import Boxes
from bridge.capsules import Capsules
from bridge.chats import Chats
from bridge.claims import Claims
from bridge.closing import Closing
from bridge.distilling import Distilling
from bridge.edge import Edge
from bridge.fetching import Fetching
from bridge.home import Home
from bridge.legs import Legs
from bridge.memory import MemoryGuard
from bridge.perform import Hand
from bridge.preparing import Preparing, Versions, sha256
from bridge.promoting import Promoting
from bridge.supervise import Supervisor
from bridge.works import Works
from config.settings import Settings
from core import effects
from core.policy import Policy
from core.ports import Clock, Emit

DOCTRINES = Path(__file__).parent.parent / "config" / "doctrine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What everything stands on."""

    settings: Settings
    home: Home
    clock: Clock
    store: SqlStore
    emit: Emit
    outer: Edge
    policy: Policy
    chats: Chats
    supervisor: Supervisor


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What works on loops, and the hands for its effects."""

    boxes: Boxes
    legs: Legs
    works: Works
    promoting: Promoting
    hands: Mapping[type[effects.Doing], Hand]


async def build(on: Ground) -> Workshop:
    """Put together what works on loops."""
    outer, loops, store = on.outer, on.home.loops, on.store
    boxes = Boxes(
        sandbox=outer.sandbox, git=outer.git, layers=outer.layers, cli=outer.cli, limits=outer.limits
    )
    guard = MemoryGuard(outer.limits.memory_bytes)
    on.supervisor.keep("memory", guard.watchdog.run)
    doctrine, distilling = await asyncio.to_thread(_doctrines)
    fetch = Fetching(chats=on.chats.connected)
    capsules = Capsules(loops=loops, store=store, clock=on.clock, emit=on.emit)
    legs = Legs(
        loops=loops, store=store, gateway=outer.gateway, runner=outer.runner, clock=on.clock, emit=on.emit, doctrine=doctrine,
        model=on.settings.model.name, park_after=on.settings.asks.park_after.total_seconds(), guard=guard, fetch=fetch, boxes=boxes,
        capsules=capsules, distilling=distilling,
    )  # fmt: skip
    works = Works(loops=loops, store=store, git=outer.git, boxes=boxes, clock=on.clock, emit=on.emit)
    preparing = Preparing(
        loops=loops, store=store, git=outer.git, layers=outer.layers, sandbox=outer.sandbox, gateway=outer.gateway, runner=outer.runner,
        boxes=boxes, clock=on.clock, emit=on.emit, first_leg=legs.first, fetch=fetch, capsules=capsules,
        versions=Versions(doctrine=sha256(doctrine + distilling), policy=sha256(repr(on.policy)), cli=outer.version),
    )  # fmt: skip
    closing = Closing(loops=loops, runner=outer.runner, gateway=outer.gateway, guard=guard, store=store)
    hands: Mapping[type[effects.Doing], Hand] = {
        effects.Prepare: preparing,
        effects.TakeWork: works,
        effects.LandWork: works.land,
        effects.CloseLoop: closing,
    }
    return Workshop(boxes=boxes, legs=legs, works=works, promoting=_promoting(on, boxes), hands=hands)


def _promoting(on: Ground, boxes: Boxes) -> Promoting:
    """Return what brings the work in layers' clones to everybody, and holds it against what it rests on."""
    return Promoting(
        loops=on.home.loops, store=on.store, layers=on.outer.layers, promotions=on.outer.layers.promotions, boxes=boxes, clock=on.clock,
        emit=on.emit, prove=Distilling(store=on.store, clock=on.clock, emit=on.emit).unproven,
        ground=Claims(store=on.store, clock=on.clock, emit=on.emit).grounds,
    )  # fmt: skip


def _doctrines() -> tuple[str, str]:
    """Return the agent's standing texts: for work, and for distilling."""
    loop, distill = ((DOCTRINES / name).read_text(encoding="utf-8") for name in ("loop.md", "distill.md"))
    return loop, distill
