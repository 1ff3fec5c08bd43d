"""What context adds to the bridge. Owns: Contexts, build. Imports: adapters, core, bridge. Effects: none but building.

The composition root is one list already: layers, memory, search, schedules and whatever else belongs to context is put together here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from adapters.git.host import GitHost
from adapters.git.layers import GitLayers
from adapters.store.store import SqlStore
from bridge import clockwork, keeping
from bridge.boxes import Boxes
from bridge.capsules import Capsules
from bridge.chats import Chats
from bridge.home import Home
from bridge.perform import Hand
from bridge.promote_tool import PromoteTool
from bridge.promoting import Promoting
from bridge.referring import Referring
from bridge.searching import Searching
from config.settings import Settings
from core import effects
from core.ports import Clock, Emit, ToolHand


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What the parts of context are built from."""

    settings: Settings
    home: Home
    store: SqlStore
    git: GitHost
    layers: GitLayers
    boxes: Boxes
    promoting: Promoting
    chats: Chats
    clock: Clock
    emit: Emit
    clean: Callable[[str], str]  # takes secrets out of a text


@dataclass(frozen=True, slots=True, kw_only=True)
class Contexts:
    """Tools for the agent, hands for effects, and tasks."""

    tools: tuple[ToolHand, ...] = ()
    hands: Mapping[type[effects.Doing], Hand] = field(default_factory=dict)
    tasks: Mapping[str, Callable[[], Awaitable[None]]] = field(default_factory=dict)  # that run for ever


def build(needs: Needs) -> Contexts:
    """Put together what context needs."""
    remember, kept = keeping.build(
        store=needs.store, layers=needs.layers, clock=needs.clock, emit=needs.emit, clean=needs.clean
    )
    capsules = Capsules(loops=needs.home.loops, store=needs.store, clock=needs.clock, emit=needs.emit)
    given: Mapping[type[effects.Doing], Hand] = {
        effects.Assemble: capsules,
        effects.Refer: Referring(store=needs.store, clock=needs.clock, emit=needs.emit),
    }
    searching = Searching(store=needs.store, clock=needs.clock, emit=needs.emit)
    promoting = needs.promoting
    promote: Mapping[type[effects.Doing], Hand] = {
        effects.Promote: promoting.promote,
        effects.Weigh: promoting.weigh,
        effects.MergeProposal: promoting.merge,
        effects.DropDraft: promoting.drop,
    }
    promote_tool = PromoteTool(store=needs.store, promoting=promoting, clock=needs.clock)
    timed, ticking = clockwork.build(needs.settings, needs.home, needs.store, needs.clock, needs.emit)
    return Contexts(
        tools=(remember, searching, promote_tool),
        hands={**kept, **given, **timed, **promote},
        tasks={"schedule": ticking.run},
    )
