"""What a rule can say. Owns: Voice: a Sheet that speaks, and the names of its cards. Imports: core. Effects: none: they are named."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from core import askcards, cards, people, questions, wording
from core.asks import Ask
from core.effects import Look, Priority, React, Say, Show, Whisper
from core.ids import CardKey, IdentityKey, LoopId, ThreadKey, platform_of
from core.loop import Loop
from core.message import Message
from core.people import Member
from core.step.sheet import Sheet

NO_CARD = CardKey("")


@dataclass(slots=True)
class Voice(Sheet):
    """A sheet with everything a rule can say to people, here and wherever the loop is followed."""

    def say(
        self, message: Message, *, what: str, priority: Priority = Priority.ANSWER, card: CardKey = NO_CARD
    ) -> None:
        """Post a message, here and wherever the loop is followed."""
        for target in self._everywhere():
            self.effects.append(
                Say(
                    key=self.key("say", what, *self._elsewhere(target)),
                    lane=target,
                    priority=priority,
                    message=self._calling(message, target),
                    card=self._card_in(target, card),
                )
            )

    def show(self, card: CardKey, message: Message, *, priority: Priority = Priority.PROGRESS) -> None:
        """Bring a card up to date, here and wherever the loop is followed."""
        for target in self._everywhere():
            self.show_in(target, card, message, priority=priority)

    def show_in(self, target: ThreadKey, card: CardKey, message: Message, *, priority: Priority) -> None:
        """Bring a card up to date in one thread."""
        self.effects.append(
            Show(
                key=self.key("show", card, *self._elsewhere(target)),
                lane=target,
                priority=priority,
                card=self._card_in(target, card),
                message=self._calling(message, target),
            )
        )

    def _everywhere(self) -> tuple[ThreadKey, ...]:
        return (self.lane, *(self.loop.followers if self.loop else ()))

    def _elsewhere(self, target: ThreadKey) -> tuple[str, ...]:
        return () if target == self.lane else (target,)

    def _card_in(self, target: ThreadKey, card: CardKey) -> CardKey:
        return CardKey(f"{card}@{target}") if card and target != self.lane else card

    def _calling(self, message: Message, target: ThreadKey) -> Message:
        """Return the message with whom it calls named as the target's platform knows them."""
        platform = platform_of(target)
        if not message.notify or all(platform_of(key) == platform for key in message.notify):
            return message
        people = self.desk.people
        called = [
            key if platform_of(key) == platform else self._account(people.of(key), platform)
            for key in message.notify
        ]
        return replace(message, notify=tuple(key for key in called if key is not None))

    def _account(self, member: Member | None, platform: str) -> IdentityKey | None:
        return next(iter(self.desk.people.addresses(member.id, platform)), None) if member else None

    def show_status(self, *, priority: Priority = Priority.PROGRESS) -> None:
        """Bring the loop's card up to date."""
        loop = self.has()
        if loop.condenses is not None and loop.condenses.quiet:
            return
        message = cards.status(loop, self.open_calls(), at=self.at, secret=self.house.secret)
        self.show(status_card(loop), message, priority=priority)

    def show_settled(self, ask: Ask) -> None:
        """Make an ask's card its one last line."""
        self.show(ask_card(ask), askcards.settled(ask), priority=Priority.ASK)

    def put_on_card(self, ask: Ask, *, after_crash: bool = False) -> None:
        """Post the card of what an ask waits for now."""
        message = askcards.put(
            ask,
            notify=self.callable_deciders(),
            driver=self.has().driver_name,
            expires_in=wording.duration((ask.expires_at - self.at).total_seconds()),
            after_crash=after_crash,
            marks=self.desk.decisions,
        )
        self.say(message, what=ask_card(ask), priority=Priority.ASK, card=ask_card(ask))

    def whisper(self, to: IdentityKey, message: Message, *, what: str) -> None:
        """Tell one person alone."""
        self.effects.append(
            Whisper(key=self.key("whisper", what), lane=self.heard_in, to=to, message=message)
        )

    def tell(self, to: IdentityKey, words: str, remedy: str = "", *, what: str = "told") -> None:
        """Tell one person a sentence or two."""
        self.whisper(to, cards.error(words, remedy), what=what)

    def react(self, message: str, emoji: str = "👀") -> None:
        """Show that a message was heard."""
        # What was said in a thread that follows this one is known here by both: the thread and its number there.
        message = message.removeprefix(f"{self.heard_in}#")
        self.effects.append(
            React(
                key=self.key("react", emoji, message),
                lane=self.heard_in,
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
                lane=self.heard_in,
                what=what,
                argument=argument,
                to=to,
                loop=loop,
            )
        )

    def callable_deciders(self) -> tuple[IdentityKey, ...]:
        """Return the identities an ask mentions: its driver here, or every admin when the driver is gone."""
        loop = self.has()
        platform = self.desk.thread.partition(":")[0]
        driver = self.driver()
        able = people.deciders(self.desk.people, driver)
        if any(member.id == driver for member in able):
            return (loop.driver_identity,)
        return tuple(key for member in able for key in self.desk.people.addresses(member.id, platform))


def status_card(loop: Loop) -> CardKey:
    """Name the card of the loop's newest turn."""
    return CardKey(f"status:{loop.id}:{max(1, loop.turns)}")


def failure_card(loop: Loop) -> CardKey:
    """Name the card that tells how the loop's newest leg (or the making of its folder) failed."""
    return CardKey(f"failure:{loop.id}:{loop.attempts}:{loop.turns}:{loop.turn.leg if loop.turn else 0}")


def ask_card(ask: Ask) -> CardKey:
    """Name the card that shows what an ask waits for: each of several questions has its own."""
    place = questions.current(ask)[0] if ask.kind == "question" else 0
    return CardKey(f"ask:{ask.id}:{place}" if place else f"ask:{ask.id}")
