"""How an ask is put and how its end is told. Owns: the ask's card. Imports: core. Effects: none.

What runs is shown whole and with hidden characters spelled out: a person approves what they can see, or cannot approve it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from core import asks, givencards, landing, planning, policy, questions, wording
from core.asks import Ask
from core.decided import Mark, bearing
from core.ids import IdentityKey
from core.message import Attachment, Block, Button, Buttons, Code, Message, Text

SHOWN_WHOLE = 2_500  # characters; beyond, the exact input goes along as a file
TOO_LARGE = 200_000


def shown(tool: str, arguments: str) -> str:
    """Return what a call would run: a command to the letter, anything else as its fields."""
    fields = json.loads(arguments)
    if tool == "Bash" and isinstance(fields.get("command"), str):
        rest = {key: value for key, value in fields.items() if key not in (*policy.DESCRIPTIVE, "command")}
        return wording.visible(fields["command"]) + (
            f"\n# {json.dumps(rest, ensure_ascii=False)}" if rest else ""
        )
    return wording.visible(json.dumps(fields, indent=1, ensure_ascii=False, sort_keys=True))


def gist(tool: str, arguments: str) -> str:
    """Return what a call asks for, as text for the record."""
    if asks.KINDS.get(tool) == "question":
        return questions.gist(arguments)
    return planning.plan_of(arguments) if asks.KINDS.get(tool) == "plan" else shown(tool, arguments)


def gist_of(ask: Ask) -> str:
    """Return what an ask asked for, or what was allowed in its place, as text for the record."""
    return landing.gist(ask) if ask.kind == "landing" else gist(ask.tool, ask.updated_input or ask.input)


def approvable(tool: str, arguments: str) -> bool:
    """Whether a person could see the whole of it."""
    return len(shown(tool, arguments)) <= TOO_LARGE


def put(
    ask: Ask,
    *,
    notify: Sequence[IdentityKey],
    driver: str,
    expires_in: str,
    after_crash: bool = False,
    marks: Sequence[Mark] = (),
) -> Message:
    """Return the card of an open ask. `marks` are the live decisions it may bear on."""
    if ask.kind == "question":
        return questions.put(ask, notify=notify, driver=driver, expires_in=expires_in)
    if ask.kind == "plan":
        return planning.put(ask, notify=notify, driver=driver, expires_in=expires_in)
    exact = shown(ask.tool, ask.input)
    what = "run this" if ask.tool == "Bash" else f"use {wording.line(ask.tool, 40)}"
    blocks = _exact(ask, exact)
    blocks.append(
        Text(text=f"ask {ask.handle} · rule: {wording.line(ask.rule, 80)} · expires in {expires_in}")
    )
    if after_crash:
        blocks.append(
            Text(text="It was started once before the bridge restarted, and how that ended is unknown.")
        )
    if ask.why:
        blocks.append(Text(text=f"why: “{wording.line(ask.why, 200)}”"))
    if decided := givencards.bearing(bearing(marks, ask.input)):
        blocks.append(Text(text=decided))
    blocks.append(Buttons(ask=ask.handle, buttons=(
        Button(label="Allow once", token=asks.token(ask, "once"), style="primary"),
        Button(label="Allow for this loop", token=asks.token(ask, "loop")),
        Button(label="Edit", token=asks.token(ask, "edit"), wants_text="What should run instead?", draft=exact),
        Button(label="Deny…", token=asks.token(ask, "deny"), style="danger", wants_text="Why not? (the agent is told)"),
    )))  # fmt: skip
    return Message(
        title=f"may I {what}?" if notify else f"{wording.line(driver, 40)}, may I {what}?",
        blocks=tuple(blocks),
        notify=tuple(notify),
    )


def _exact(ask: Ask, exact: str) -> list[Block]:
    """Return what would run, whole: past a bound as a file."""
    if len(exact) <= SHOWN_WHOLE:
        return [Code(text=exact)]
    told = f"… {len(exact):,} characters in all, whole in the file; SHA-256 of what would run: `{ask.digest[:16]}`"
    return [
        Code(text=exact[:SHOWN_WHOLE]),
        Text(text=told),
        Attachment(name=f"ask-{ask.handle}.txt", content=exact),
    ]


def settled(ask: Ask) -> Message:
    """Return the one line an ask's card ends as."""
    when = f"{ask.decided_at:%H:%M} UTC" if ask.decided_at else ""
    by = f"{wording.line(ask.decider, 40)}, {when}"
    reason = f" · because {wording.line(ask.reason, 120)}" if ask.reason else ""
    if ask.kind == "landing":
        return Message(blocks=(Text(text=landing.settled(ask, by) + reason),))
    words = {"allowed": _allowed(ask, by), "denied": f"✗ denied by {by}", **UNDECIDED}.get(
        ask.state, ask.state
    )
    if ask.kind == "plan" and ask.state == "denied":
        words = f"✗ changes to the plan wanted by {by}"
    return Message(blocks=(Text(text=" · ".join(part for part in (words, _what(ask)) if part) + reason),))


UNDECIDED = {
    "expired": "✗ expired: nobody decided in time; that is not a no",
    "withdrawn": "– withdrawn: the turn ended before anybody decided",
}


def _allowed(ask: Ask, by: str) -> str:
    if ask.kind == "plan":
        return f"✓ plan approved by {by}"
    return {
        "loop": f"✓ allowed for this loop by {by}",
        "edit": f"✓ changed and allowed by {by}",
        "answer": f"✓ answered by {by}",
    }.get(ask.choice or "", f"✓ allowed once by {by}")


def _what(ask: Ask) -> str:
    if ask.kind == "landing":
        return landing.brief(ask)
    if ask.kind == "question":
        return questions.settled(ask)
    return "" if ask.kind == "plan" else wording.code(shown(ask.tool, ask.updated_input or ask.input), 100)


def answered(ask: Ask, answer: str, *, by: str, at: datetime) -> Message:
    """Return the line that the card of a question ends as while further ones of its ask are put."""
    line = questions.settled(ask, answer)
    return Message(blocks=(Text(text=f"✓ answered by {wording.line(by, 40)}, {at:%H:%M} UTC · {line}"),))


def undone(ask: Ask) -> str:
    """Return why a call was not made, where that is no person's no; empty where it is."""
    return "nobody decided in time" if ask.state == "expired" else ""


def too_late(ask: Ask) -> str:
    """Return what somebody hears who presses a button of an ask that is over."""
    if ask.decider:
        word = {"allowed": "allowed", "denied": "denied"}.get(ask.state, ask.state)
        word = {"question": "answered", "plan": "approved"}.get(ask.kind, word) if word == "allowed" else word
        return f"Ask {ask.handle} was {word} by {wording.line(ask.decider, 40)} already. Nothing changed."
    return f"Ask {ask.handle} is over ({ask.state}). Nothing ran; if the loop still needs it, it asks again."


def reminder(ask: Ask, *, notify: Sequence[IdentityKey], now: datetime) -> Message:
    """Return the nudge for an ask that has waited long."""
    since = wording.duration((now - ask.asked_at).total_seconds())
    left = wording.duration((ask.expires_at - now).total_seconds())
    reminded = "its plan" if ask.kind == "plan" else _what(ask)
    return Message(
        blocks=(Text(text=f"Ask {ask.handle} has waited {since} and expires in {left}: {reminded}"),),
        notify=tuple(notify),
    )
