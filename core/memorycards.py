"""What is said of memory. Owns: receipts, the question about a closed thread, lists of facts. Imports: core. Effects: none.

Of a member's own memory nothing is said but that it is there, and how it is called: where a platform cannot whisper, others read along.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core import memory, wording
from core.events import Forgotten, Jotted, Remembered
from core.ids import Token
from core.memory import Memo
from core.message import Button, Buttons, Message, Text

SHOWN = 160  # characters of a fact in a line
LISTED = 40
CHANGED = "A fact whose source was deleted is given to no later loop. `/loop remember` with the same words keeps it, `/loop forget` takes it out."
SHARE, OWN = "share", "own"
_TOKEN = "memory"  # noqa: S105 - how a button's token begins


def token(held: str, choice: str) -> Token:
    """Return what a button of the question carries."""
    return Token(f"{_TOKEN}-{choice}-{held}")


def chosen(pressed: Token) -> tuple[str, bool] | None:
    """Return (what was held, whether for the team) of a pressed button, None for a button of anything else."""
    name, _, rest = pressed.partition("-")
    choice, _, held = rest.partition("-")
    return (held, choice == SHARE) if name == _TOKEN and choice in (SHARE, OWN) and held else None


def remembered(event: Remembered) -> Message:
    """Return the receipt of a fact that the team keeps."""
    words = quoted(event.text)
    if event.known:
        return _note(f"Known already as {event.handle}: {words}")
    return _note(f"Remembered as {event.handle}: {words} `/loop forget {event.handle}` takes it back.")


def kept(event: Remembered) -> Message:
    """Return the receipt of a fact that one member keeps, for their eyes."""
    if event.known:
        return _note(f"That is in your own memory already, as {event.handle}.")
    return _note(
        f"Kept in your own memory as {event.handle}. Your loops are given it, nobody else's; `/loop forget me {event.handle}` takes it back."
    )


def forgotten(event: Forgotten, *, own: bool) -> Message:
    """Return what is said once a fact is gone."""
    if event.twin:
        file, twin = wording.code(event.path, 200), wording.code(event.twin, 200)
        return _note(f"{file} is gone; {twin} has the same name and stays. Earlier commits still hold both.")
    gone = "Later loops are not given it; earlier commits still hold it."
    if own:
        return _note(f"{event.handle} is out of your own memory. {gone}")
    return _note(f"Forgotten: {event.handle}, {quoted(event.text)} {gone}")


def question(text: str, held: str, *, name: str) -> Message:
    """Return the card that asks before what was said here can be read elsewhere."""
    words = (
        f"{wording.line(name, 40)}, this thread is not open to the whole team. In the team's memory every member and every later loop could"
        f" read this:\n{quoted(text, 600)}"
    )
    buttons = (
        Button(label="Remember for the team", token=token(held, SHARE), style="primary"),
        Button(label="Keep private", token=token(held, OWN)),
    )
    return Message(blocks=(Text(text=words), Buttons(buttons=buttons)))


def answered(event: Remembered) -> Message:
    """Return what the question's card says once it was answered."""
    if event.layer in ("notes", "knowledge"):
        return remembered(event)
    return _note(f"{wording.line(event.author.name, 40)} kept this private.")


def learned(handle: str, text: str) -> str:
    """Return how a fact that an agent promoted is called in the line at the end of its turn."""
    return f"{handle} {quoted(text, 80)}"


def announced(facts: Sequence[str], alone: Sequence[str] = (), *, name: str = "") -> str:
    """Return that line: the facts the team keeps, and the handles of those that went into one member's own memory. Empty for none."""
    parts = []
    if facts:
        parts.append(
            f"Remembered for the team: {wording.listing(facts)}. `/loop forget <handle>` takes one back."
        )
    if alone:
        parts.append(
            f"Kept in the memory of {wording.line(name, 40)} alone: {wording.listing(alone)}. `/loop memory me` shows them."
        )
    return " ".join(parts)


def candidates(words: Sequence[str]) -> str:
    """Return the facts that somebody may have meant, a line for each."""
    shown = [f"- {each}" for each in words[:10]]
    return "\n".join([*shown, *([f"… and {len(words) - 10:,} more"] if len(words) > 10 else [])])


def candidate(memo: Memo, among: Sequence[Memo]) -> str:
    """Return a fact as one of several."""
    return f"{memory.name(memo, among)} · {wording.line(memo.text, SHOWN)}"


def listing(facts: Sequence[Memo], changed: Mapping[str, str], *, own: bool) -> Message:
    """Return what is remembered, the newest first; `changed` says by a fact's id what became of its source."""
    lines = [
        f"{memory.name(memo, facts)} · {wording.line(memo.text, SHOWN)} · {wording.line(memo.by, 30)}"
        + (f", {memo.when:%Y-%m-%d}" if memo.when else "")
        + (f" · [source]({memo.source})" if memo.source.startswith("https://") else "")
        + (f" · {changed[memo.id]}" if changed.get(memo.id) else "")
        for memo in facts[:LISTED]
    ]
    if len(facts) > LISTED:
        lines.append(f"… and {len(facts) - LISTED:,} more, in `memory/` of the layer")
    if any(changed.get(memo.id) for memo in facts[:LISTED]):
        lines.append(CHANGED)
    if not lines:
        lines = [
            "Nothing yet. `/loop remember me <fact>` begins."
            if own
            else "Nothing yet. `/loop remember <fact>` begins."
        ]
    return Message(
        title="What you remember, for your loops alone" if own else "What the team remembers",
        blocks=(Text(text="\n".join(lines)),),
    )


def jotted(event: Jotted) -> Message:
    """Return what is said of a line that was pinned, taken off or put into the inbox."""
    line = quoted(event.line)
    words = {
        "pin": f"Pinned for the whole team: {line}",
        "unpin": f"Not pinned any more: {line}",
        "inbox": f"In the team's inbox: {line}",
    }[event.what]
    return _note(f"{words} `/loop focus` shows the board.")


def quoted(text: str, limit: int = SHOWN) -> str:
    """Return untrusted words in quotation marks, on one line."""
    return f"“{wording.line(text, limit)}”"


def _note(words: str) -> Message:
    return Message(blocks=(Text(text=words),))
