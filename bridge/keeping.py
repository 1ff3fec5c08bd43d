"""Memory and focus, put together. Owns: build. Imports: bridge. Effects: none but building."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bridge.facts import Facts
from bridge.jotting import Jotting
from bridge.perform import Hand
from bridge.remember_tool import RememberTool
from bridge.remembering import Remembering
from bridge.sources import Sources
from core import effects
from core.ports import Clock, Emit, Layers, Store, ToolHand


def build(
    *, store: Store, layers: Layers, clock: Clock, emit: Emit, clean: Callable[[str], str]
) -> tuple[ToolHand, Mapping[type[effects.Doing], Hand]]:
    """Return the agent's tool, and the hands for the effects of memory and focus."""
    sources = Sources(store=store)
    remembering = Remembering(
        store=store, facts=Facts(layers=layers), sources=sources, clock=clock, emit=emit, clean=clean
    )
    hands: dict[type[effects.Doing], Hand] = {
        effects.Remember: remembering.remember,
        effects.Share: remembering.share,
        effects.Forget: remembering.forget,
        effects.Reindex: remembering.reindex,
        effects.Jot: Jotting(store=store, layers=layers, clock=clock, emit=emit, clean=clean),
    }
    return RememberTool(store=store, sources=sources, remembering=remembering, emit=emit), hands
