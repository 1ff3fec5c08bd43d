"""The sheet a rule writes its answer on. Owns: Draft. Imports: core. Effects: none: a Draft lives within one `step` and leaves as an Outcome."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from core import askcards, asks, cards, graph, people
from core.asks import Ask
from core.desk import Desk, House, Outcome
from core.effects import (
    CloseLoop,
    Effect,
    Interrupt,
    Look,
    Prepare,
    Priority,
    React,
    ReadThread,
    RunLeg,
    Say,
    Show,
    TakeWork,
    Whisper,
)
from core.effects import Rule as Ruling
from core.events import Event, Spent
from core.ids import AskId, CardKey, IdentityKey, LoopId, derived
from core.loop import Call, Loop, Turn
from core.message import Message
from core.people import Identity, Member

MAX_CALLS = 400
NO_CARD = CardKey("")


@dataclass(slots=True)
class Draft:
    """What is known (desk, event, house) and what has been decided so far."""

    desk: Desk
    event: Event
    house: House
    loop: Loop | None
    asks: dict[AskId, Ask]
    facts: list[graph.Fact] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    changed_asks: dict[AskId, Ask] = field(default_factory=dict)
    members: list[Member] = field(default_factory=list)
    identities: list[Identity] = field(default_factory=list)
    spent: Spent | None = None

    @classmethod
    def of(cls, desk: Desk, event: Event, house: House) -> Draft:
        """Open a draft for one event."""
        return cls(
            desk=desk, event=event, house=house, loop=desk.loop, asks={ask.id: ask for ask in desk.asks}
        )

    @property
    def at(self) -> datetime:
        return self.event.at

    def outcome(self) -> Outcome:
        """Close the draft."""
        changed = self.loop if self.loop is not self.desk.loop else None
        return Outcome(
            loop=replace(changed, updated_at=self.at) if changed else None,
            asks=tuple(self.changed_asks.values()),
            members=tuple(self.members),
            identities=tuple(self.identities),
            facts=tuple(self.facts),
            effects=tuple(self.effects),
            spent=self.spent,
        )

    # ── state ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def has(self) -> Loop:
        """Return the loop; only called where the caller made sure there is one."""
        if self.loop is None:
            raise LookupError("this lane has no loop")
        return self.loop

    def now(self, **changes: Any) -> Loop:
        """Change the loop."""
        self.loop = replace(self.has(), **changes)
        return self.loop

    def turn(self, **changes: Any) -> Turn:
        """Change the loop's turn."""
        turn = self.has().turn
        if turn is None:
            raise LookupError("this loop has no turn")
        changed = replace(turn, **changes)
        self.now(turn=changed)
        return changed

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

    def open_asks(self) -> list[Ask]:
        """Return the loop's open asks, oldest first."""
        return sorted((ask for ask in self.asks.values() if ask.open), key=lambda ask: ask.asked_at)

    # ── facts ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def node(self, key: str, kind: graph.NodeKind, text: str = "", **props: str) -> str:
        """Note a thing, with the lane as its audience; return its key."""
        audience = "bridge" if kind in ("person", "repo", "commit") else self.desk.thread
        self.facts.append(
            graph.Node(key=key, kind=kind, audience=audience, at=self.at, text=text, props=props)
        )
        return key

    def edge(self, src: str, kind: graph.EdgeKind, dst: str) -> None:
        """Note how two things hang together."""
        self.facts.append(graph.Edge(src=src, kind=kind, dst=dst, at=self.at))

    # ── effects ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def key(self, *parts: object) -> str:
        """Spell an effect's key: the same event asking for the same thing has the same one."""
        return ":".join([*(str(part) for part in parts), derived(self.event.dedup)[:16]])

    def say(
        self, message: Message, *, what: str, priority: Priority = Priority.ANSWER, card: CardKey = NO_CARD
    ) -> None:
        """Post a message."""
        self.effects.append(
            Say(
                key=self.key("say", what),
                lane=self.desk.thread,
                priority=priority,
                message=message,
                card=card,
            )
        )

    def show(self, card: CardKey, message: Message, *, priority: Priority = Priority.PROGRESS) -> None:
        """Bring a card up to date."""
        self.effects.append(
            Show(
                key=self.key("show", card),
                lane=self.desk.thread,
                priority=priority,
                card=card,
                message=message,
            )
        )

    def show_status(self, *, priority: Priority = Priority.PROGRESS) -> None:
        """Bring the loop's card up to date."""
        loop = self.has()
        message = cards.status(loop, self.open_asks(), at=self.at, secret=self.house.secret)
        self.show(status_card(loop), message, priority=priority)

    def show_settled(self, ask: Ask) -> None:
        """Make an ask's card its one last line."""
        self.show(ask_card(ask), askcards.settled(ask), priority=Priority.ASK)

    def whisper(self, to: IdentityKey, message: Message, *, what: str) -> None:
        """Tell one person alone."""
        self.effects.append(
            Whisper(key=self.key("whisper", what), lane=self.desk.thread, to=to, message=message)
        )

    def tell(self, to: IdentityKey, words: str, remedy: str = "", *, what: str = "told") -> None:
        """Tell one person a sentence or two."""
        self.whisper(to, cards.error(words, remedy), what=what)

    def react(self, message: str, emoji: str = "👀") -> None:
        """Show that a message was heard."""
        self.effects.append(
            React(
                key=self.key("react", emoji, message),
                lane=self.desk.thread,
                priority=Priority.ASK,
                message=message,
                emoji=emoji,
            )
        )

    def look(self, what: Any, argument: str, to: IdentityKey) -> None:
        """Answer a question from what is stored."""
        loop = self.loop.id if self.loop else LoopId("")
        self.effects.append(
            Look(
                key=self.key("look", what),
                lane=self.desk.thread,
                what=what,
                argument=argument,
                to=to,
                loop=loop,
            )
        )

    def read_thread(self, upto: str) -> None:
        self.effects.append(
            ReadThread(key=self.key("read"), lane=self.desk.thread, loop=self.has().id, upto=upto)
        )

    def prepare(self) -> None:
        """Have the loop's folder made (again)."""
        loop = self.now(attempts=self.has().attempts + 1, status="queued", failure="", remedy="")
        self.effects.append(
            Prepare(
                key=f"prepare:{loop.id}:{loop.attempts}",
                lane=self.desk.thread,
                loop=loop.id,
                attempt=loop.attempts,
            )
        )

    def run_leg(self, *, session: str, resume: bool, prompt: str) -> None:
        """Have the turn's current leg run."""
        loop, turn = self.has(), self.turn()
        self.effects.append(
            RunLeg(
                key=f"leg:{turn.id}:{turn.leg}",
                lane=self.desk.thread,
                loop=loop.id,
                turn=turn.id,
                leg=turn.leg,
                session=session,
                resume=resume,
                prompt=prompt,
            )
        )

    def rule(self, call: Call, ask: Ask | None = None, *, deny: str = "") -> None:
        """Hand a call its verdict: `deny` carries the reason of a refusal."""
        loop, turn = self.has(), self.turn()
        self.effects.append(
            Ruling(
                key=f"rule:{turn.id}:{call.leg}:{call.id}",
                lane=self.desk.thread,
                priority=Priority.ASK,
                loop=loop.id,
                turn=turn.id,
                leg=call.leg,
                call=call.id,
                decision="deny" if deny else "allow",
                reason=deny,
                updated_input=ask.updated_input if ask and not deny else "",
            )
        )

    def interrupt(self) -> None:
        self.effects.append(
            Interrupt(
                key=self.key("interrupt"), lane=self.desk.thread, priority=Priority.ASK, loop=self.has().id
            )
        )

    def take_work(self) -> None:
        turn = self.turn()
        self.effects.append(
            TakeWork(
                key=f"take:{turn.id}:{turn.leg}",
                lane=self.desk.thread,
                loop=self.has().id,
                turn=turn.id,
                leg=turn.leg,
            )
        )

    def close_loop(self, *, archive: bool = False) -> None:
        self.effects.append(
            CloseLoop(key=self.key("close"), lane=self.desk.thread, loop=self.has().id, archive=archive)
        )

    # ── people ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def callable_deciders(self) -> tuple[IdentityKey, ...]:
        """Return the identities an ask mentions: its driver here, or every admin when the driver is gone."""
        loop = self.has()
        platform = self.desk.thread.partition(":")[0]
        able = people.deciders(self.desk.people, loop.driver)
        if any(member.id == loop.driver for member in able):
            return (loop.driver_identity,)
        return tuple(key for member in able for key in self.desk.people.addresses(member.id, platform))


def status_card(loop: Loop) -> CardKey:
    """Name the card of the loop's newest turn."""
    return CardKey(f"status:{loop.id}:{max(1, loop.turns)}")


def ask_card(ask: Ask) -> CardKey:
    """Name an ask's card."""
    return CardKey(f"ask:{ask.id}")


def mint(draft: Draft, call: Call, rule: str, why: str) -> Ask:
    """Return a new open ask for a call."""
    loop = draft.has()
    identifier = AskId(derived("ask", loop.id, call.id, str(call.leg)))
    return Ask(
        id=identifier,
        handle=asks.free_handle(list(draft.asks.values()), identifier),
        loop=loop.id,
        turn=draft.turn().id,
        leg=call.leg,
        thread=loop.thread,
        call=call.id,
        tool=call.tool,
        input=call.input,
        digest=call.digest,
        rule=rule,
        why=why,
        nonce=derived("nonce", draft.house.secret, identifier),
        asked_at=draft.at,
        remind_at=draft.at + draft.house.ask_reminds,
        expires_at=draft.at + draft.house.ask_expires,
    )
