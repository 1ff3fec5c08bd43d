"""The sheet a rule writes its answer on. Owns: Draft: a Voice that can ask for work. Imports: core. Effects: none: they are named."""

from __future__ import annotations

from dataclasses import dataclass

from core import asks
from core.asks import Ask
from core.effects import CloseLoop, Interrupt, Prepare, Priority, ReadThread, RunLeg, TakeWork
from core.effects import Rule as Ruling
from core.ids import AskId, derived
from core.loop import Call
from core.step.voice import Voice


@dataclass(slots=True)
class Draft(Voice):
    """A voice with everything a rule can ask of the edge for its loop."""

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

    def run_leg(self, *, session: str, resume: bool, prompt: str, plan: bool) -> None:
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
                plan=plan,
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
