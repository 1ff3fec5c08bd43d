"""The hand of promoting where somebody decides meanwhile. Owns: nothing. Imports: bridge, core; a real store, promotions in memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from adapters.store.store import SqlStore
from bridge.promoting import Promoting
from core import effects, events, ports, proposals
from core.desk import Outcome
from core.layers import KNOWLEDGE
from core.proposals import Proposal, State
from core.testing import store_rig
from core.testing.fake_layers import FakeLayers
from core.testing.fakes import FakeClock
from core.testing.store_proposals_contract import a_proposal

TIP = "e" * 40


async def nothing(*_: Any) -> tuple[()]:
    return ()


async def settles(store: SqlStore, outcome: Outcome, name: str) -> None:
    [arrival] = await store.arrive([events.Deleted(lane=store_rig.LANE, at=store_rig.at(), message=name)])
    assert arrival is not None
    await store.settle(arrival, outcome)


class Slow:
    """Promotions whose first draft takes so long that the proposal is decided on meanwhile."""

    def __init__(self, store: SqlStore, decided: Proposal) -> None:
        self._store = store
        self._decided: Proposal | None = decided
        self.branches: dict[str, str] = {}

    async def take(self, *_: Any, **__: Any) -> ports.Judged:
        return ports.Judged(tip=TIP, commits=())

    async def draft(self, layer: str, judged: ports.Judged, *, branch: str) -> ports.Drafted:
        self.branches[branch] = judged.tip
        decided, self._decided = self._decided, None
        if decided is not None:
            await settles(self._store, Outcome(proposals=(decided,)), "decided")
        return ports.Drafted(
            base="a" * 40, tip=TIP, digest="d2", files=(("a.md", 1, 0),), protected=(), diff="+"
        )

    async def pages(self, layer: str, base: str, tip: str) -> dict[str, str]:
        return {"a.md": "- a claim"}

    async def drop(self, layer: str, branch: str, tip: str) -> None:
        assert self.branches.pop(branch) == tip


@pytest.mark.parametrize("state", ["rejected", "merged", "open"])
async def test_a_draft_that_crosses_a_decision_is_a_proposal_of_its_own(tmp_path: Path, state: State) -> None:
    told: list[events.Event] = []

    async def emit(event: events.Event) -> None:
        told.append(event)

    loop = replace(store_rig.a_loop(), pinned=((KNOWLEDGE, "a" * 40),))
    (tmp_path / loop.id / "context" / "knowledge").mkdir(parents=True)
    earlier = a_proposal()
    async with SqlStore(f"sqlite:///{tmp_path}/bridge.db", clock=FakeClock()) as store:
        await settles(store, Outcome(loop=loop, proposals=(earlier,)), "begun")
        slow: Any = Slow(store, replace(earlier, state=state))
        boxes: Any = SimpleNamespace(layer=lambda *_: None)
        promoting = Promoting(
            loops=tmp_path, store=store, layers=FakeLayers(), promotions=slow, boxes=boxes, clock=FakeClock(), emit=emit, prove=slow.take, ground=nothing,
        )  # fmt: skip
        wish = effects.Promote(
            key="p", lane=loop.thread, loop=loop.id, turn=None, request="r2", layers=(KNOWLEDGE,), summary="Clocks",
        )  # fmt: skip
        await promoting.promote(wish)
    [made] = told
    assert isinstance(made, events.Proposed)
    own = proposals.new_id(loop.id, KNOWLEDGE, "r2")
    assert made.proposal == (earlier.id if state == "open" else own)
    assert slow.branches == {proposals.branch(made.proposal, TIP): TIP}
