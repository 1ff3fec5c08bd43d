"""What every store does for proposals. Owns: its checks. Imports: core. Effects: none (the rig has them)."""

from __future__ import annotations

from dataclasses import replace

from core.desk import Outcome
from core.ids import ThreadKey
from core.layers import KNOWLEDGE
from core.proposals import Proposal
from core.testing.store_rig import LANE, MEMBER, Rig, a_loop, at, settled

OTHER = ThreadKey("slack:T1/C1/1.2")


def a_proposal(number: int = 1, *, thread: ThreadKey = LANE) -> Proposal:
    """Return an open proposal."""
    return Proposal(
        id=f"{number:032x}", loop=a_loop().id, turn=None, thread=thread, layer=KNOWLEDGE, title="Clocks", by=MEMBER, by_name="Maya",
        base="a" * 40, tip="b" * 40, digest="d", files=(("clock.md", 3, 1),), protected=(), proposed_at=at(number),
    )  # fmt: skip


async def check_a_proposal_is_found_wherever_it_is_asked_for(rig: Rig) -> None:
    one, two = a_proposal(1), a_proposal(2, thread=OTHER)
    async with rig.open() as store:
        await settled(store, 1, Outcome(proposals=(one, two)))
        assert (await store.desk(LANE)).proposals == (one,)
        assert (await store.desk(OTHER)).proposals == (two,)
        assert list(await store.proposals()) == [one, two]
        assert list(await store.find_proposal("0" * 31)) == [one, two]
        assert list(await store.find_proposal(two.id)) == [two]
        assert list(await store.find_proposal("ff")) == []


async def check_a_settled_proposal_stays_on_the_desk_and_waits_no_more(rig: Rig) -> None:
    one = a_proposal()
    merged = replace(
        one, state="merged", commit="c" * 40, decided_by=MEMBER, decider="Maya", decided_at=at(9)
    )
    async with rig.open() as store:
        await settled(store, 1, Outcome(proposals=(one,)))
        await settled(store, 2, Outcome(proposals=(merged,)))
    async with rig.open() as store:
        assert (await store.desk(LANE)).proposals == (merged,)
        assert list(await store.proposals()) == []
        assert list(await store.find_proposal(one.id)) == [merged]


CHECKS = tuple(check for name, check in list(globals().items()) if name.startswith("check_"))
