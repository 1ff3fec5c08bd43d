"""The bridge's own jobs over a real store. Owns: the rig. Effects: temp files."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from adapters.store.store import SqlStore
from bridge import choring, clockwork
from bridge.claims import Claims
from bridge.home import Home
from bridge.perform import Hand
from config import settings
from config.errors import ConfigError
from core import effects, events, focus, graph, proof
from core.desk import Outcome
from core.ids import IdentityKey, MemberId, ThreadKey
from core.layers import KNOWLEDGE
from core.people import Identity, Member
from core.testing import store_rig
from core.testing.fakes import FakeClock
from core.testing.store_proposals_contract import a_proposal
from core.testing.store_rig import LANE
from tests.unit.story import words

WHERE = ThreadKey("slack:T1/C9/1.1")
CONFIG = f"""
[jobs.digest]
where = "{WHERE}"
[jobs.distill]
where = "{WHERE}"
channels = ["slack:T1/C2"]
"""
E = TypeVar("E", bound=events.Happening)


@dataclass(slots=True, kw_only=True)
class Rig:
    """A store, its clock, and what was emitted."""

    home: Path
    store: SqlStore
    clock: FakeClock
    said: list[events.Event] = field(default_factory=list)
    number: int = 100

    async def emit(self, event: events.Event) -> None:
        self.said.append(event)

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.said if isinstance(event, kind)]

    async def hands(self) -> Mapping[type[effects.Doing], Hand]:
        found = await asyncio.to_thread(settings.load, self.home, {})
        return clockwork.build(found, Home(self.home), self.store, self.clock, self.emit)[0]

    async def chore(self, job: str, **more: Any) -> None:
        found = await self.hands()
        now = self.clock.now()
        effect = effects.Chore(key=f"{job}:{now}", lane=LANE, job=job, due=now, since=more.get("since"))
        await found[effects.Chore](effect)

    async def settle(self, **outcome: Any) -> None:
        self.number += 1
        await store_rig.settled(self.store, self.number, Outcome(**outcome))

    async def tells(self, thread: str, *texts: str, room: str = "", link: str = "") -> None:
        """Have messages told of in a thread."""
        facts: list[graph.Fact] = [
            graph.Node(
                key=f"thread:{thread}",
                kind="thread",
                audience=thread,
                at=self.clock.now(),
                props={"room": room},
            )
        ]
        for text in texts:
            self.clock.advance(60)
            self.number += 1
            facts.append(
                graph.Node(
                    key=f"message:{thread}#{self.number}", kind="message", audience=thread, at=self.clock.now(), text=text,
                    props={"author": "Maya", "identity": "slack:T1/U1", "id": str(self.number), "permalink": link},
                )
            )  # fmt: skip
        await self.settle(facts=tuple(facts))


@pytest.fixture
async def rig(home: Path) -> AsyncIterator[Rig]:
    await asyncio.to_thread((home / "config.toml").write_text, CONFIG, encoding="utf-8")
    clock = FakeClock()
    async with SqlStore(f"sqlite:///{home / 'bridge.db'}", clock=clock) as store:
        made = Rig(home=home, store=store, clock=clock)
        ada = Member(id=MemberId("ada"), name="Ada", role="admin")
        await made.settle(
            members=(ada,), identities=(Identity(key=IdentityKey("slack:T1/UA"), member=ada.id),)
        )
        yield made


async def test_what_moved_is_told_in_one_message(rig: Rig) -> None:
    await rig.chore("digest")
    assert not rig.said
    loop = replace(store_rig.a_loop(1), thread=ThreadKey("slack:T1/C9/2.2"), title="Clock bug", status="idle")
    await rig.settle(loop=loop)
    await rig.chore("digest")
    (told,) = rig.of(events.JobSaid)
    assert (told.lane, told.job) == (WHERE, "digest")
    assert "Clock bug" in words(told.message)


@pytest.mark.parametrize(
    ("said", "where"),
    [("slack:T1/C9", "slack:T1/C9/0"), (WHERE, WHERE), ("", None), ("https://x.example/nobody", None)],
)
async def test_a_place_is_a_thread_or_a_channel_of_slack(rig: Rig, said: str, where: str | None) -> None:
    assert await choring.place(rig.store, said) == where


async def test_what_waits_is_brought_up_in_its_thread(rig: Rig) -> None:
    loop = store_rig.a_loop(1)
    await rig.settle(loop=replace(loop, status="waiting"), asks=(store_rig.an_ask(1, loop),))
    rig.clock.advance(86_400)
    await rig.chore("reminders")
    (told,) = rig.of(events.JobSaid)
    assert told.lane == loop.thread
    await rig.chore("reminders", since=rig.clock.now())
    assert len(rig.said) == 1


async def test_idle_loops_go_idle_once(rig: Rig) -> None:
    await rig.settle(loop=replace(store_rig.a_loop(1), status="idle"))
    await rig.settle(loop=replace(store_rig.a_loop(2), status="running"))
    rig.clock.advance(15 * 86_400)
    await rig.chore("archive")
    await rig.chore("archive")
    first, again = rig.of(events.WentIdle)
    assert first.loop == store_rig.a_loop(1).id
    assert first.dedup == again.dedup


def furnish(home: Path, loops: Sequence[str], packs: Mapping[str, datetime]) -> None:
    """Make loops' folders, and packs that were put there at an instant."""
    for loop in loops:
        for name in ("home", "workdir"):
            (home / "loops" / loop / name).mkdir(parents=True)
    for name, at in packs.items():
        place = home / "quarantine" / "demo" / name
        place.mkdir(parents=True)
        os.utime(place, (at.timestamp(), at.timestamp()))


def left(home: Path) -> set[str]:
    """Return the loops' folders and the packs that are there."""
    found = [*home.glob("loops/*/*"), *home.glob("quarantine/*/*")]
    return {"/".join(path.parts[-2:]) for path in found}


async def test_gc_clears_what_is_old_alone(rig: Rig) -> None:
    old, new = replace(store_rig.a_loop(1), status="done"), replace(store_rig.a_loop(2), status="idle")
    for loop in (old, new):
        await rig.settle(loop=loop)
    rig.clock.advance(100 * 86_400)
    packs = {"old": rig.clock.now() - timedelta(days=95), "new": rig.clock.now()}
    await asyncio.to_thread(furnish, rig.home, [old.id, new.id], packs)
    await rig.chore("gc")
    assert await asyncio.to_thread(left, rig.home) == {
        f"{old.id}/workdir", f"{new.id}/home", f"{new.id}/workdir", "demo/new",
    }  # fmt: skip
    assert await rig.store.shed(rig.clock.now() - timedelta(days=91)) == 0


async def test_distilling_takes_what_everybody_may_read_and_says_what_it_left(rig: Rig) -> None:
    await rig.chore("distill")
    assert not rig.said  # nothing new is no loop
    await rig.tells("slack:T1/C1/1.1", "the clock is frozen", "/loop status", room=focus.OPEN)
    await rig.tells("slack:T1/C2/2.2", "declared open")
    await rig.tells("slack:T1/G1/3.3", "salaries")
    await rig.chore("distill")
    (due,) = rig.of(events.DistillDue)
    assert (due.lane, due.audience, due.driver, due.shared) == (WHERE, "bridge", "slack:T1/UA", True)
    assert [node.text for node in await rig.store.nodes(due.sources)] == [
        "the clock is frozen",
        "declared open",
    ]
    assert due.left_out == ("1 thread that not everybody can read (`/loop distill` there asks first)",)
    marks = [
        graph.Node(key=f"thread:{thread}", kind="thread", audience=thread, at=upto, props={"distilled": upto.isoformat()})
        for thread, upto in due.marks
    ]  # fmt: skip
    await rig.settle(facts=tuple(marks))
    rig.clock.advance(86_400)
    await rig.chore("distill")
    assert len(rig.of(events.DistillDue)) == 1
    await rig.tells("slack:T1/C1/1.1", "and thawed again", room=focus.OPEN)
    await rig.chore("distill")
    assert [node.text for node in await rig.store.nodes(rig.of(events.DistillDue)[1].sources)] == [
        "and thawed again"
    ]


async def test_the_first_look_goes_back_a_week_and_drops_nothing_said_since(rig: Rig) -> None:
    await rig.tells("slack:T1/C2/1.1", "ages ago")
    rig.clock.advance(30 * 86_400)
    await rig.tells("slack:T1/C2/1.1", "lately")
    await rig.chore("distill")
    rig.clock.advance(30 * 86_400)
    await rig.chore("distill")
    for due in rig.of(events.DistillDue):
        assert [node.text for node in await rig.store.nodes(due.sources)] == ["lately"]
    assert len(rig.of(events.DistillDue)) == 2


@pytest.mark.parametrize(
    ("what", "texts"),
    [("new", ["new"]), ("thread", ["old", "new"]), ("since", ["new"])],
)
async def test_on_request_the_thread_is_taken(rig: Rig, what: Any, texts: list[str]) -> None:
    await rig.tells("local:home/general/1", "old", room=focus.OPEN)
    upto = rig.clock.now()
    mark = graph.Node(
        key="thread:local:home/general/1", kind="thread", audience="local:home/general/1", at=upto,
        props={"distilled": upto.isoformat()},
    )  # fmt: skip
    await rig.settle(facts=(mark,))
    await rig.tells("local:home/general/1", "new", room=focus.OPEN)
    found = await rig.hands()
    order = effects.Distil(
        key="k", lane=ThreadKey("local:home/general/1"), what=what, author=events.Author(identity=IdentityKey("local:home/maya"), name="Maya"),
        message="77", since=upto,
    )  # fmt: skip
    await found[effects.Distil](order)
    (due,) = rig.of(events.DistillDue)
    assert [node.text for node in await rig.store.nodes(due.sources)] == texts
    assert due.asked == "77"


async def test_claims_hang_on_their_messages_and_the_gone_ones_go(rig: Rig) -> None:
    link = "https://x.example/p1?thread_ts=1&cid=C1"
    await rig.tells("slack:T1/C1/1.1", "by the hour", link=link)
    linked = f"message:slack:T1/C1/1.1#{rig.number - 1}"
    await rig.tells("local:home/general/1", "frozen")
    message = f"local:home/general/1#{rig.number - 1}"
    found = await rig.hands()
    page = events.Page(
        path="clock.md",
        text=f"- The clock is frozen. {message}\n- No source.\n- It ticks.[^1]\n\n[^1]: <{link}>\n\n- Elsewhere: https://x.example/1\n",
    )
    await found[effects.ReadClaims](
        effects.ReadClaims(key="k", lane=LANE, layer="knowledge", tip="a" * 40, pages=(page,))
    )
    (read,) = rig.of(events.ClaimsRead)
    claim, other = read.claims
    assert other.sources == (linked,)
    assert (claim.text, claim.sources) == ("The clock is frozen.", (f"message:{message}",))
    node = graph.Node(
        key=graph.claim("knowledge", "clock.md", claim.n),
        kind="claim",
        audience="bridge",
        at=rig.clock.now(),
        text=claim.text,
    )
    edge = graph.Edge(src=node.key, kind="distilled_from", dst=f"message:{message}", at=rig.clock.now())
    await rig.settle(facts=(node, edge))
    await found[effects.Retrace](
        effects.Retrace(key="r", lane=LANE, message=message, how="deleted", at=rig.clock.now())  # type: ignore[arg-type]
    )
    assert rig.of(events.SourceChanged)[0].claims == (node.key,)
    await found[effects.ReadClaims](
        effects.ReadClaims(key="k2", lane=LANE, layer="knowledge", tip="b" * 40, pages=(), gone=("clock.md",))
    )
    assert rig.of(events.ClaimsRead)[-1].gone == (node.key,)


async def test_a_claim_whose_message_was_deleted_before_the_merge_is_flagged_at_once(rig: Rig) -> None:
    await rig.tells("local:home/general/1", "frozen")
    message = f"local:home/general/1#{rig.number - 1}"
    (node,) = await rig.store.nodes([f"message:{message}"])
    await rig.settle(facts=(replace(node, text="", props={"deleted": "now"}),))
    found = await rig.hands()
    page = events.Page(path="clock.md", text=f"- The clock is frozen. {message}\n")
    read = effects.ReadClaims(key="k", lane=LANE, layer="knowledge", tip="a" * 40, pages=(page,))
    await found[effects.ReadClaims](read)
    (changed,) = rig.of(events.SourceChanged)
    (claim,) = rig.of(events.ClaimsRead)[0].claims
    key = graph.claim("knowledge", "clock.md", claim.n)
    assert (changed.message, changed.how, changed.claims) == (message, "deleted", (key,))
    known = graph.Node(key=key, kind="claim", audience="bridge", at=rig.clock.now(), text=claim.text)
    await rig.settle(facts=(known,))
    await found[effects.ReadClaims](replace(read, key="k2", tip="b" * 40))
    assert (
        len(rig.of(events.SourceChanged)) == 1
    )  # it was told of: whoever reopened it since has looked at it


async def test_a_proposal_knows_what_its_new_claims_rest_on_and_hears_of_changes(rig: Rig) -> None:
    await rig.tells("local:home/general/1", "frozen", "injected")
    frozen, injected = (f"local:home/general/1#{rig.number - back}" for back in (2, 1))
    loop = store_rig.a_loop(1)
    await rig.settle(loop=loop)
    claims = Claims(store=rig.store, clock=rig.clock, emit=rig.emit)
    pages = {
        "clock.md": f"- The clock is frozen. {frozen}\n- It is injected. {injected}\n- All know.\n",
        "x.py": frozen,
    }
    first, second = await claims.grounds(loop, KNOWLEDGE, pages)
    assert (first.text, first.sources, first.how) == ("The clock is frozen.", (f"message:{frozen}",), "")
    assert second.claim == graph.claim(KNOWLEDGE, "clock.md", proof.claims(pages["clock.md"])[1].n)

    waits = replace(a_proposal(), loop=loop.id, thread=loop.thread, grounds=(first, second))
    await rig.settle(proposals=(waits,))
    found = await rig.hands()
    changed: Any = effects.Retrace(key="r", lane=LANE, message=frozen, how="edited", at=rig.clock.now())  # type: ignore[arg-type]
    await found[effects.Retrace](changed)
    (heard,) = rig.of(events.ProposalShaken)
    assert (heard.lane, heard.proposal, heard.message, heard.how) == (
        loop.thread,
        waits.id,
        f"message:{frozen}",
        "edited",
    )

    stands = graph.Node(
        key=second.claim, kind="claim", audience="bridge", at=rig.clock.now(), text=second.text
    )
    (node,) = await rig.store.nodes([f"message:{frozen}"])
    later = (loop.created_at + timedelta(days=1)).isoformat()
    await rig.settle(facts=(stands, replace(node, text="thawed", props={"edited": later})))
    (left,) = await claims.grounds(loop, KNOWLEDGE, pages)
    assert (left.claim, left.how) == (first.claim, "edited")


def test_times_that_cannot_be_are_named(home: Path) -> None:
    (home / "config.toml").write_text(
        '[jobs.gc]\ncron = "61 * * * *"\n[jobs.archive]\ncron = "0 9 1 * mon"\n'
    )
    with pytest.raises(ConfigError) as caught:
        clockwork.tables(settings.load(home, {}))
    assert "jobs.gc.cron: expected five cron fields" in str(caught.value)
    assert "`61` is no minute" in str(caught.value)
    assert "jobs.archive.cron" in str(caught.value)


def test_a_job_that_speaks_nowhere_does_not_run(home: Path) -> None:
    assert [table.job for table in clockwork.tables(settings.load(home, {}))] == [
        "reminders",
        "archive",
        "gc",
    ]
