"""A thread told event by event, without a store. Owns: Story. Imports: core. Effects: none."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from core import asks, effects, events, graph, policy
from core.asks import Ask
from core.desk import Desk, House
from core.ids import CallId, IdentityKey, MemberId, ThreadKey, Token
from core.loop import Loop, Turn
from core.message import Buttons, Checklist, Code, Message, Text
from core.people import Identity, Member, People
from core.step import step

THREAD = ThreadKey("local:home/general/1")
RULES = policy.Policy(
    rules=(
        policy.Rule(tool="Read", action="allow", path="{workdir}/*"),
        policy.Rule(tool="Edit", action="allow", path="{workdir}/*"),
        policy.Rule(tool="Bash", action="allow", command="pytest *", name="run the tests"),
        policy.Rule(tool="Bash", action="deny", command="shutdown *", name="no shutdown"),
    )
)
E = TypeVar("E", bound=effects.Doing)


def who(name: str, *, bot: bool = False) -> events.Author:
    return events.Author(identity=IdentityKey(f"local:home/{name}"), name=name.capitalize(), bot=bot)


class Story:
    """Holds a desk, feeds it events and remembers everything that was asked of the edge."""

    def __init__(self, **house: Any) -> None:
        self.at = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
        self.house = House(
            policy=RULES,
            secret="s" * 32,
            repos=("app", "site"),
            default_repo="app",
            claim_code="ABCD-2345",
            **house,
        )
        members = {
            MemberId(name): Member(id=MemberId(name), name=name.capitalize(), role=role)
            for name, role in ROLES
        }
        known = {IdentityKey(f"local:home/{name}"): MemberId(name) for name, _ in ROLES}
        self.desk = Desk(thread=THREAD, people=People(members=members, identities=known))
        self.effects: list[effects.Effect] = []
        self.facts: list[graph.Fact] = []
        self.last: list[effects.Effect] = []
        self._number = 0

    def tell(self, event: events.Event) -> list[effects.Effect]:
        """Take an event in; return what it asks for."""
        outcome = step(self.desk, event, self.house)
        assert outcome == step(self.desk, event, self.house), "a rule must be a function"
        known = {ask.id: ask for ask in self.desk.asks} | {ask.id: ask for ask in outcome.asks}
        loop = outcome.loop or self.desk.loop
        people = self.desk.people
        people = People(
            members={**people.members, **{member.id: member for member in outcome.members}},
            identities={
                **people.identities,
                **{entry.key: entry.member for entry in outcome.identities if isinstance(entry, Identity)},
            },
        )
        schedules = {entry.id: entry for entry in (*self.desk.schedules, *outcome.schedules)}
        proposed = {entry.id: entry for entry in (*self.desk.proposals, *outcome.proposals)}
        self.desk = replace(
            self.desk,
            loop=loop,
            proposals=tuple(proposed.values()),
            schedules=tuple(entry for entry in schedules.values() if not entry.deleted),
            asks=tuple(ask for ask in known.values() if loop and ask.loop == loop.id),
            people=people,
        )
        self.last = list(outcome.effects)
        self.effects += outcome.effects
        self.facts += outcome.facts
        return self.last

    def wait(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    def says(self, name: str, text: str, **more: Any) -> list[effects.Effect]:
        self._number += 1
        self.wait(1)
        author = who(name, bot=bool(more.pop("bot", False)))
        return self.tell(
            events.Posted(
                lane=THREAD, at=self.at, message=str(self._number), author=author, text=text, **more
            )
        )

    def presses(self, name: str, token: Token, text: str = "") -> list[effects.Effect]:
        self._number += 1
        self.wait(1)
        return self.tell(
            events.Pressed(
                lane=THREAD,
                at=self.at,
                press=str(self._number),
                card="c",
                token=token,
                author=who(name),
                text=text,
            )
        )

    # ── the agent's side ─────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def loop(self) -> Loop:
        assert self.desk.loop is not None
        return self.desk.loop

    @property
    def turn(self) -> Turn:
        assert self.loop.turn is not None
        return self.loop.turn

    def of_turn(self) -> dict[str, Any]:
        self.wait(1)
        return {
            "lane": THREAD,
            "at": self.at,
            "loop": self.loop.id,
            "turn": self.turn.id,
            "leg": self.turn.leg,
        }

    untouched = False  # whether a new loop's clone stays as it was made until a tool is called

    def started(self, text: str = "/loop fix the flaky test", name: str = "maya") -> Story:
        """Bring a new loop to where its agent has the prompt."""
        self.says(name, text)
        self.tell(events.ThreadRead(lane=THREAD, at=self.at, loop=self.loop.id, messages=()))
        self.prepared()
        return self.running()

    def worked(self) -> None:
        """Have it that a tool has run: what is in the clone is no longer what was put there."""
        self.desk = replace(self.desk, loop=replace(self.loop, pristine=False))

    def prepared(self) -> None:
        self.tell(
            events.Prepared(
                lane=THREAD, at=self.at, loop=self.loop.id, base="a" * 40, branch=self.loop.work_branch, digest="d", attempt=self.loop.attempts,
                messages=("message:x",), people=1,
            )
        )  # fmt: skip
        if not self.untouched:
            self.worked()

    def running(self) -> Story:
        self.tell(events.TurnStarted(**self.of_turn(), session=self.turn.session))
        return self

    def calls(self, tool: str, call: str = "t1", **arguments: Any) -> list[effects.Effect]:
        given = json.dumps(arguments)
        return self.tell(
            events.ToolCalled(
                **self.of_turn(),
                call=CallId(call),
                tool=tool,
                input=given,
                digest=policy.digest(tool, given),
                why="because",
            )
        )

    def ended(self, call: str = "t1", *, ok: bool = True, note: str = "") -> None:
        self.tell(events.ToolEnded(**self.of_turn(), call=CallId(call), ok=ok, note=note))

    def results(self, text: str = "Fixed.", **more: Any) -> list[effects.Effect]:
        return self.tell(events.TurnResult(**self.of_turn(), text=text, session=self.turn.session, **more))

    def taken(self, **more: Any) -> list[effects.Effect]:
        return self.tell(events.WorkTaken(**self.of_turn(), repo="app", branch=self.loop.branch, **more))

    def interrupted(self, down_for: float = 60.0) -> list[effects.Effect]:
        return self.tell(events.TurnInterrupted(**self.of_turn(), down_for=down_for))

    # ── looking ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def ask(self) -> Ask:
        """Return the newest open ask."""
        return max((ask for ask in self.desk.asks if ask.open), key=lambda ask: ask.asked_at)

    def of(self, kind: type[E], within: list[effects.Effect] | None = None) -> list[E]:
        """Return the effects of a kind, of the last event unless told otherwise."""
        return [effect for effect in (self.last if within is None else within) if isinstance(effect, kind)]

    def told(self) -> str:
        """Return everything the last event says to anybody."""
        return "\n".join(
            words(effect.message)
            for effect in self.last
            if isinstance(effect, effects.Say | effects.Show | effects.Whisper)
        )

    def token(self, choice: asks.Choice) -> Token:
        return asks.token(self.ask(), choice)


ROLES: tuple[tuple[str, Any], ...] = (
    ("maya", "member"),
    ("ravi", "member"),
    ("ada", "admin"),
    ("gus", "guest"),
)


def words(message: Message) -> str:
    """Return a message's words."""
    out = [message.title]
    for block in message.blocks:
        match block:
            case Text() | Code():
                out.append(block.text)
            case Checklist():
                out += [f"{item.mark}: {item.text}" for item in block.items]
            case Buttons():
                out.append(" ".join(f"[{button.label}]" for button in block.buttons))
            case _:
                pass
    return "\n".join(out)
