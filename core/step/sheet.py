"""What a rule knows and has decided so far. Owns: Sheet. Imports: core. Effects: none: a sheet lives within one `step`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from core import focus, graph
from core.asks import Ask
from core.changing import changed
from core.desk import Desk, House, Outcome
from core.effects import Effect
from core.events import Event, Spent
from core.ids import AskId, MemberId, ThreadKey, derived
from core.loop import Call, Loop, Turn
from core.people import Identity, Member
from core.proposals import Proposal
from core.schedules import Schedule

MAX_CALLS = 400


@dataclass(slots=True)
class Sheet:
    """What is known (desk, event, house) and what has been decided so far."""

    desk: Desk
    event: Event
    house: House
    loop: Loop | None
    asks: dict[AskId, Ask]
    facts: list[graph.Fact] = field(default_factory=list)
    told: dict[str, tuple[graph.NodeKind, str, Mapping[str, str]]] = field(
        default_factory=dict
    )  # last, by key
    effects: list[Effect] = field(default_factory=list)
    changed_asks: dict[AskId, Ask] = field(default_factory=dict)
    members: list[Member] = field(default_factory=list)
    identities: list[Identity] = field(default_factory=list)
    unfollowed: list[ThreadKey] = field(default_factory=list)
    spent: Spent | None = None
    schedules: dict[str, Schedule] = field(default_factory=dict)
    changed_schedules: dict[str, Schedule] = field(default_factory=dict)
    proposals: dict[str, Proposal] = field(default_factory=dict)
    changed_proposals: dict[str, Proposal] = field(default_factory=dict)

    @classmethod
    def of(cls, desk: Desk, event: Event, house: House) -> Self:
        """Open a sheet for one event."""
        return cls(
            desk=desk, event=event, house=house, loop=desk.loop, asks={ask.id: ask for ask in desk.asks},
            schedules={schedule.id: schedule for schedule in desk.schedules},
            proposals={proposal.id: proposal for proposal in desk.proposals},
        )  # fmt: skip

    @property
    def at(self) -> datetime:
        return self.event.at

    @property
    def lane(self) -> ThreadKey:
        """Return the thread the rules speak for."""
        return self.desk.thread

    @property
    def heard_in(self) -> ThreadKey:
        """Return the thread the event was heard in: another one when somebody follows the loop from there."""
        return ThreadKey(getattr(self.event, "via", "")) or self.desk.thread

    def key(self, *parts: object) -> str:
        """Spell an effect's key: the same event asking for the same thing has the same one."""
        return ":".join([*(str(part) for part in parts), derived(self.event.dedup)[:16]])

    def outcome(self) -> Outcome:
        """Close the sheet."""
        loop = self.loop if self.loop is not self.desk.loop else None
        return Outcome(
            loop=changed(loop, updated_at=self.at) if loop else None,
            asks=tuple(self.changed_asks.values()),
            members=tuple(self.members),
            identities=tuple(self.identities),
            facts=tuple(self.facts),
            effects=tuple(self.effects),
            unfollowed=tuple(self.unfollowed),
            spent=self.spent,
            schedules=tuple(self.changed_schedules.values()),
            proposals=tuple(self.changed_proposals.values()),
        )

    # ── state ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def has(self) -> Loop:
        """Return the loop; only called where the caller made sure there is one."""
        if self.loop is None:
            raise LookupError("this lane has no loop")
        return self.loop

    def now(self, **changes: Any) -> Loop:
        """Change the loop."""
        self.loop = changed(self.has(), **changes)
        return self.loop

    def driver(self) -> MemberId:
        """Return who drives the loop."""
        return focus.driver(self.has(), self.desk.people)

    def turn(self, **changes: Any) -> Turn:
        """Change the loop's turn."""
        turn = self.has().turn
        if turn is None:
            raise LookupError("this loop has no turn")
        now = changed(turn, **changes)
        self.now(turn=now)
        return now

    def put_call(self, call: Call) -> None:
        """Put a call's new state into the turn; the oldest ended ones are dropped past a bound."""
        turn = self.turn()
        kept = [known for known in turn.calls if (known.id, known.leg) != (call.id, call.leg)]
        place = next(
            (i for i, known in enumerate(turn.calls) if (known.id, known.leg) == (call.id, call.leg)),
            len(kept),
        )
        kept.insert(place, call)
        dropped = max(0, len(kept) - MAX_CALLS)
        self.turn(calls=tuple(kept[dropped:]), steps_before=turn.steps_before + dropped)

    def put_ask(self, ask: Ask) -> None:
        """Record an ask's new state."""
        self.asks[ask.id] = ask
        self.changed_asks[ask.id] = ask

    def put_proposal(self, proposal: Proposal) -> None:
        """Record a proposal's new state."""
        self.proposals[proposal.id] = proposal
        self.changed_proposals[proposal.id] = proposal

    def put_schedule(self, schedule: Schedule) -> None:
        """Record a schedule's new state."""
        self.schedules[schedule.id] = schedule
        self.changed_schedules[schedule.id] = schedule

    def open_asks(self) -> list[Ask]:
        """Return the loop's open asks, oldest first."""
        return sorted((ask for ask in self.asks.values() if ask.open), key=lambda ask: ask.asked_at)

    def open_calls(self) -> list[Ask]:
        """Return the open asks that a turn waits for."""
        return [ask for ask in self.open_asks() if ask.about == "call"]

    # ── facts ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def node(self, key: str, kind: graph.NodeKind, text: str = "", **props: str) -> str:
        """Note a thing, with the lane as its audience; return its key."""
        audience = "bridge" if kind in ("person", "repo", "commit", "focus") else self.desk.thread
        # A long thread names itself and its people with every message.
        if self.told.get(key) != (kind, text, props):
            self.told[key] = kind, text, props
            self.facts.append(
                graph.Node(key=key, kind=kind, audience=audience, at=self.at, text=text, props=props)
            )
        return key

    def edge(self, src: str, kind: graph.EdgeKind, dst: str) -> None:
        """Note how two things hang together."""
        self.facts.append(graph.Edge(src=src, kind=kind, dst=dst, at=self.at))
