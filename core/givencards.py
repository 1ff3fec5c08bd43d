"""What is told of a loop's context: receipts, what waits to be allowed, decisions. Owns: their wording. Imports: core. Effects: none."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from core import cards, references, wording
from core.decided import Mark
from core.events import Source
from core.graph import Node
from core.ids import IdentityKey, Token
from core.loop import Loop, Wanted
from core.message import Attachment, Block, Button, Buttons, Code, Message, Text

SHOWN = 60  # lines of a receipt
SHOWN_WHOLE = 2_500


def name(node: Node) -> str:
    """Return what a node is called where its words have no place: in a loop's state, and in threads that may not read it."""
    if node.kind == "message":
        return f"the message of {node.at:%Y-%m-%d %H:%M} UTC ({node.props.get('permalink') or references.of_message(node.key)})"
    if node.kind == "loop":
        return f"loop #{node.key.partition(':')[2][:6]}"
    if node.kind == "decision":
        return f"decision {node.props.get('handle', '')}".rstrip()
    if node.kind in ("page", "claim"):
        return f"{node.kind} {wording.code(node.key.partition(':')[2], 100)}"
    return f"{'fact' if node.kind == 'memory' else node.kind.replace('_', ' ')} {wording.code(node.key.rpartition('/')[2], 60)}"


def title(node: Node) -> str:
    """Return how people would call a node: untrusted text, on one line."""
    props = node.props
    if node.kind == "message":
        return f"{wording.line(props.get('author', '?'), 30)}: {wording.line(node.text or '(deleted)', 100)}"
    if node.kind == "loop":
        return f"loop #{node.key.partition(':')[2][:6]} “{wording.line(props.get('title', node.text), 80)}”"
    if node.kind == "decision":
        return f"decision {props.get('handle', '')} “{wording.line(node.text, 80)}” by {wording.line(props.get('owner', '?'), 30)}"
    if node.kind == "memory":
        return f"fact “{wording.line(node.text, 100)}”"
    if node.kind in ("page", "claim"):
        return f"{node.kind} {wording.code(node.key.partition(':')[2], 100)}"
    return f"{node.kind.replace('_', ' ')} {wording.line(node.text, 100)}"


def receipt(loop: Loop, given: Sequence[Node], *, seen: Collection[str], secret: str) -> Message:
    """Return the receipt in full: what the loop was given, numbered in the order it came.

    `seen` are the keys of what everybody who reads the receipt may read; of all else it gives the names.
    """
    lines = []
    for number, node in list(enumerate(given, start=1))[:SHOWN]:
        out = " · excluded" if node.key in loop.excluded else ""
        lines.append(f"{number}. {node.at:%Y-%m-%d %H:%M} UTC  {_shown(node, seen)}{out}")
    if len(given) > SHOWN:
        lines.append(f"… and {len(given) - SHOWN:,} more")
    known = {node.key for node in given}
    lines += [f"added: {entry.title}" for entry in loop.added if entry.key not in known]
    lines += [f"waits to be allowed: {wanted.title}" for wanted in loop.wanted]
    blocks: list[Block] = [Text(text="\n".join([loop.receipt or "Nothing yet.", *lines]))]
    if loop.live:
        refresh = Button(label="Refresh", token=cards.act_token(secret, loop, "refresh"))
        exclude = Button(
            label="Exclude",
            token=cards.act_token(secret, loop, "exclude"),
            wants_text="Which line? (its number)",
        )
        blocks.append(Buttons(buttons=(refresh, exclude)))
    return Message(title=f"What #{loop.handle} was given", blocks=tuple(blocks))


def _shown(node: Node, seen: Collection[str]) -> str:
    return f"{title(node)}{_link(node)}" if node.key in seen else name(node)


def _link(node: Node) -> str:
    link = node.props.get("permalink", "")
    return f" {link}" if link and link != references.of_message(node.key) else ""


def asks_for(
    source: Source, *, by: str, allow: Token, refuse: Token, notify: Sequence[IdentityKey]
) -> Message:
    """Return the question whether something of a narrower audience may be given. It names the source and does not show it."""
    author = f" by {wording.line(source.author, 40)}" if source.author else ""
    words = (
        f"{wording.line(by, 40)} wants to give this loop something that not everybody here can read: {source.title}{author},"
        f" {len(source.text):,} characters, SHA-256 `{source.digest[:16]}`.\n"
        "Whoever could read it, or an admin, may allow that. It is then shown here whole, and the loop gets exactly that text."
    )
    buttons = (
        Button(label="Allow", token=allow, style="primary"),
        Button(label="Keep it out", token=refuse, style="danger"),
    )
    return Message(
        title="may this be shared here?",
        blocks=(Text(text=words), Buttons(buttons=buttons)),
        notify=tuple(notify),
    )


def allowed(source: Source, *, by: str, at: datetime) -> Message:
    """Return what the question ends as when it was allowed: the whole text, for everybody here."""
    author = f" by {wording.line(source.author, 40)}" if source.author else ""
    line = f"✓ shared here by {wording.line(by, 40)}, {at:%H:%M} UTC · {source.title}{author}"
    exact = wording.visible(source.text)
    if len(exact) <= SHOWN_WHOLE:
        return Message(blocks=(Text(text=line), Code(text=exact)))
    more = Text(text=f"… {len(exact):,} characters in all, whole in the file")
    return Message(
        blocks=(
            Text(text=line),
            Code(text=exact[:SHOWN_WHOLE]),
            more,
            Attachment(name="shared.txt", content=exact),
        )
    )


def allowed_there(source: Source, *, by: str, at: datetime) -> Message:
    """Return the same for threads that follow the loop: they are told that it was, and not what."""
    words = f"✓ shared in the loop's own thread by {wording.line(by, 40)}, {at:%H:%M} UTC · {source.title}"
    return Message(blocks=(Text(text=words),))


def refused(wanted: Wanted, *, by: str, at: datetime) -> Message:
    """Return what the question ends as when it was not allowed."""
    return Message(
        blocks=(Text(text=f"✗ kept out by {wording.line(by, 40)}, {at:%H:%M} UTC · {wanted.title}"),)
    )


def changed(wanted: Wanted) -> Message:
    """Return what the question ends as when the source is not what was asked for any more."""
    words = (
        f"– {wanted.title} was changed or deleted since. Nothing was shared; `/loop context add` asks anew."
    )
    return Message(blocks=(Text(text=words),))


# ── decisions ────────────────────────────────────────────────────────────────────────────────────────────────────────


def marked(mark: Mark, older: Mark | None) -> Message:
    """Return what the thread hears of a new decision."""
    instead = f"\nIt takes the place of {older.handle}: “{wording.line(older.text, 160)}”." if older else ""
    return Message(
        blocks=(
            Text(
                text=f"Decision {mark.handle} by {wording.line(mark.owner, 40)}: “{wording.line(mark.text, 600)}”{instead}\n"
                f"Loops here are given it, and an ask that it bears on shows it. `/loop decisions withdraw {mark.handle}` takes it back."
            ),
        )
    )


def withdrawn(mark: Mark, by: str) -> Message:
    """Return what the thread hears of a decision that was taken back."""
    return Message(
        blocks=(
            Text(
                text=f"Decision {mark.handle} was withdrawn by {wording.line(by, 40)}: “{wording.line(mark.text, 160)}”"
            ),
        )
    )


def decisions(marks: Sequence[Mark]) -> Message:
    """Return the decisions of a thread and its repository, live ones first."""
    if not marks:
        words = "Nothing was marked as a decision here. `/loop decide <text>` marks one, or `/loop decide <link to a message>`."
        return Message(blocks=(Text(text=words),))
    lines = [
        _decision(mark)
        for mark in sorted(marks, key=lambda mark: (not mark.live, -mark.at.timestamp(), mark.key))
    ]
    return Message(title="Decisions", blocks=(Text(text="\n".join(lines)),))


def _decision(mark: Mark) -> str:
    state = {"superseded": f" · superseded by {mark.instead}", "withdrawn": " · withdrawn"}.get(
        mark.status, ""
    )
    link = f" {mark.permalink}" if mark.permalink else ""
    words = f"“{wording.line(mark.text, 160)}”" if mark.text else "(its message was deleted)"
    return f"{mark.handle} · {mark.at:%Y-%m-%d} · {wording.line(mark.owner, 30)}: {words}{link}{state}"


def bearing(marks: Sequence[Mark]) -> str:
    """Return what an ask says of the decisions it bears on, empty when there is none."""
    if not marks:
        return ""
    return "\n".join(["Decided here:", *(_decision(mark) for mark in marks)])
