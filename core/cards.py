"""State → Message: the bridge's one voice. Owns: the loop's card, its answers and its errors. Imports: core. Effects: none.

Asks have their own voice in `core.askcards`, lists and reports in `core.reports`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from core import memorycards, progress, wording
from core.asks import Ask
from core.events import CapsuleMade, Prepared, WorkTaken
from core.ids import IdentityKey, Token, derived
from core.loop import Loop, Status, Turn
from core.message import Attachment, Block, Button, Buttons, Checklist, Message, State, Text

Act = Literal["stop", "context", "details", "diff", "retry", "resume", "claim", "refresh", "exclude"]
ACTS: tuple[Act, ...] = (
    "stop", "context", "details", "diff", "retry", "resume", "claim", "refresh", "exclude",
)  # fmt: skip
LONG_TURN = 120.0  # seconds after which an answer calls its driver
LONG_ANSWER = 12_000  # characters after which the rest of an answer is a file
STATES = {
    "idle": "finished", "queued": "queued", "running": "working", "waiting": "waiting", "rfd": "ready for a driver",
    "done": "done", "archived": "archived", "failed": "failed",
}  # fmt: skip
SHOWN_AS: dict[Status, State] = {
    "idle": "idle", "queued": "working", "running": "working", "waiting": "waiting", "rfd": "idle", "done": "over", "archived": "over",
    "failed": "failed",
}  # fmt: skip


def act_token(secret: str, loop: Loop, act: Act) -> Token:
    """Return what the loop's button for `act` carries."""
    return Token(derived("act", secret, loop.id, act))


def act_of(secret: str, loop: Loop, token: Token) -> Act | None:
    """Return what a pressed token means for this loop."""
    return next((act for act in ACTS if act_token(secret, loop, act) == token), None)


def headline(loop: Loop) -> str:
    """Return the card's first line: a mark, the title, the id and the driver."""
    mark = {"running": "●", "queued": "○", "waiting": "◐", "failed": "✗"}.get(
        loop.status, "✓" if loop.turns else "○"
    )
    driver = "no driver" if loop.status == "rfd" else f"driver {wording.line(loop.driver_name, 40)}"
    turn = f" · turn {loop.turns}" if loop.turns > 1 else ""
    return f"{mark} {wording.line(loop.title, 80)}{turn} · #{loop.handle} · {driver}"


def status(loop: Loop, asks: Sequence[Ask], *, at: datetime, secret: str) -> Message:
    """Return the card of a loop's newest turn."""
    blocks: list[Block] = [Text(text=_state_line(loop, asks, at))]
    if loop.turn is not None and loop.turn.calls:
        blocks.append(Checklist(items=progress.steps(loop.turn.calls, dropped=loop.turn.steps_before)))
    if loop.refused:
        blocks.append(Text(text=f"Not reached: {wording.listing(loop.refused)}."))
    if loop.receipt:
        blocks.append(Text(text=loop.receipt))
    blocks.append(Buttons(buttons=_buttons(loop, secret)))
    return Message(title=headline(loop), blocks=tuple(blocks), state=SHOWN_AS[loop.status])


def _state_line(loop: Loop, asks: Sequence[Ask], at: datetime) -> str:
    turn = loop.turn
    parts = ["planning" if loop.planning and loop.status == "running" else STATES[loop.status]]
    if loop.status == "queued" and turn is not None and turn.queued_behind:
        parts = [f"queued · {wording.count(turn.queued_behind, 'loop')} ahead: they are starting"]
    elif loop.status == "queued":
        parts = ["queued · getting the workdir ready" if not loop.prepared else "queued · starting the agent"]
    waiting = [ask for ask in asks if ask.open]
    if loop.status == "waiting" and waiting:
        # A moment, not a stretch: nobody moves the clock of a card that waits.
        since = f"{min(ask.asked_at for ask in waiting):%H:%M} UTC"
        parts = [
            f"waiting for {wording.line(loop.driver_name, 40)} or an admin, ask {', '.join(a.handle for a in waiting)} · since {since}"
        ]
    elif loop.status == "waiting":
        asked = loop.condenses is not None and loop.condenses.asked
        parts = ["waiting for somebody who reads here to allow it" if asked else "waiting for Retry"]
    if loop.notice:
        # A turn that was stopped is over, but not finished.
        parts = [
            *([] if loop.status == "idle" else parts),
            wording.line(loop.notice, 80),
        ]
    if turn is not None and turn.state != "ended" and loop.status != "waiting":
        parts.append(wording.duration((at - turn.started_at).total_seconds()))
    if loop.spent_usd:
        parts.append(wording.money(loop.spent_usd))
    return " · ".join(parts)


def _buttons(loop: Loop, secret: str) -> tuple[Button, ...]:
    acts: list[tuple[Act, str]] = []
    if loop.busy:
        acts.append(("stop", "Stop"))
    if loop.status in ("failed", "waiting") and loop.failure:
        acts.append(("retry", "Retry"))
    if loop.status == "rfd":
        acts.append(("claim", "Claim"))
    acts += [("context", "Context"), ("details", "Details")]
    return tuple(Button(label=label, token=act_token(secret, loop, act)) for act, label in acts)


def receipt(given: Prepared | CapsuleMade, files: int) -> str:
    """Return the card's line about what the loop was given; `files` are those of the chat."""
    counted = (
        (files, "file"), (given.pages, "page"), (given.loops, "earlier loop"), (given.decisions, "decision"), (given.linked, "linked message"),
    )  # fmt: skip
    messages = len(given.messages)
    parts = (
        [f"{wording.count(messages, 'message')} by {wording.count(given.people, 'person', 'people')}"]
        if messages
        else []
    )
    parts += [wording.count(number, noun) for number, noun in counted if number]
    line = f"Context: {', '.join(parts) or 'the task alone'}."
    return line + (f" Left out: {wording.listing(given.left_out)}." if given.left_out else "")


def answer(
    loop: Loop, turn: Turn, work: WorkTaken | None, *, at: datetime, secret: str, more: str = ""
) -> Message:
    """Return a turn's final answer: the outcome first, then the artefacts line."""
    took = (at - turn.started_at).total_seconds()
    words = wording.clean(turn.answer).strip() or "The agent finished without a word."
    blocks: list[Block] = [Text(text=words[:LONG_ANSWER])]
    if len(words) > LONG_ANSWER:
        # A block of its own: what is cut may end inside a fence.
        blocks = [Text(text=words[:LONG_ANSWER].rsplit("\n", 1)[0]), Text(text="… (the whole answer is in the file)"),
                  Attachment(name=f"answer-{loop.handle}-{turn.number}.md", content=words)]  # fmt: skip
    if learned := memorycards.announced(turn.learned, turn.learned_alone, name=loop.driver_name):
        blocks.append(Text(text=learned))
    if turn.told:
        blocks.append(Text(text="\n".join(turn.told)))
    artefacts = artefacts_line(work, took=took, spent=turn.spent_usd)
    blocks.append(Text(text=artefacts))
    if more:
        blocks.append(Text(text=more))
    if work is not None and (work.commits or work.dirty):
        blocks.append(Buttons(buttons=(Button(label="Diff", token=act_token(secret, loop, "diff")),)))
    notify: tuple[IdentityKey, ...] = (loop.driver_identity,) if took > LONG_TURN else ()
    return Message(blocks=tuple(blocks), notify=notify)


def artefacts_line(work: WorkTaken | None, *, took: float, spent: float) -> str:
    """Return "app/session.py +6 −2 · branch loop/fix-a1b2c3 · 3 m 40 s · $0.21"."""
    parts: list[str] = []
    if work is not None and work.commits:
        changed: dict[str, tuple[int, int]] = {}
        for commit in work.commits:
            for path, added, removed in commit.files:
                before = changed.get(path, (0, 0))
                changed[path] = (before[0] + added, before[1] + removed)
        names = [f"{wording.code(path, 60)} +{plus} −{minus}" for path, (plus, minus) in changed.items()]
        parts += [
            *names[:4],
            *([f"and {wording.count(len(names) - 4, 'more file')}"] if len(names) > 4 else []),
        ]
        if work.where:
            tip = work.commits[-1]
            parts.append(
                f"{wording.count(len(work.commits), 'commit')} up to {wording.code(tip.sha[:7])} on branch {wording.code(work.branch, 80)}"
            )
    if work is not None and work.dirty:
        parts.append(f"{wording.count(len(work.dirty), 'changed file')} not committed yet")
    parts += [wording.duration(took), *([wording.money(spent)] if spent else [])]
    return " · ".join(parts)


def objections(work: WorkTaken) -> Message:
    """Return why the turn's commits did not leave the box."""
    reasons = "\n".join(f"- {wording.line(reason, 200)}" for reason in work.objections[:10])
    return Message(
        title=f"{wording.count(len(work.commits), 'commit')} did not leave the sandbox.",
        blocks=(
            Text(
                text=f"{reasons}\nThey are kept in the loop's clone. Tell the loop to change them, or `/loop done` to drop them."
            ),
        ),
    )


def failure(loop: Loop, *, secret: str) -> Message:
    """Return the three facts of a failed turn: what happened, what is kept, what to do."""
    words = f"{loop.failure} Your loop and its files are kept. {loop.remedy or 'Press Retry, or tell the loop what to do differently.'}"
    return Message(
        blocks=(
            Text(text=words),
            Buttons(buttons=(Button(label="Retry", token=act_token(secret, loop, "retry")),)),
        )
    )


def tried_again(loop: Loop) -> Message:
    """Return what a failure's card says once it is tried again: what happened, and no button any more."""
    return Message(blocks=(Text(text=f"{loop.failure} Tried again."),))


def given_up(loop: Loop) -> Message:
    """Return what a failure's card says once its loop is over: what happened, what is kept, and no button any more."""
    return Message(blocks=(Text(text=f"{loop.failure} The loop is over; what it made is kept."),))


def back(loop: Loop, down_for: float, *, running: Sequence[str], new: int, waiting: bool) -> Message:
    """Return the one line after a restart that interrupted something."""
    doing = f"Carrying on with {wording.listing(running)}" if running else "Carrying on"
    if waiting:
        doing = "The ask above still waits; an answer to it counts as before"
    heard = (
        f"; {wording.count(new, 'message')} came in meanwhile and {'is' if new == 1 else 'are'} included"
        if new
        else ""
    )
    return Message(blocks=(Text(text=f"Back after {wording.duration(down_for)}. {doing}{heard}."),))


def error(what: str, remedy: str = "", kept: str = "") -> Message:
    """Return a message of what happened, what is kept and what to do."""
    return Message(blocks=(Text(text=" ".join(part for part in (what, kept, remedy) if part)),))
