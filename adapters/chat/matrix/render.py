"""What the bridge says, as Matrix takes it. Owns: Sheet, sheets, content, edit_of. Imports: html, json, core. Effects: none.

An event may have 65,536 bytes once encrypted, and base64 adds a third. A long message continues in further ones, cut between lines; a
very long one shows its first part and goes along whole as a file.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from adapters.chat.matrix import markup, names, signs
from adapters.chat.matrix.markup import Line
from core import wording
from core.message import Attachment, Caps, Message

CAPS: Final = Caps(buttons="reactions", forms=False, ephemeral=False, max_chars=12_000, edit_every=2.0)
SHEET: Final = 24_000  # bytes of one message's text and HTML: an edit of it stays under 27,000
LARGEST: Final = 55_000  # bytes of one new event before encryption, whatever happens
MOST: Final = 6  # messages that one may become
REST: Final = "… (the whole of it is in the file)"
KEY: Final = "org.loopbridge.key"
OFFER: Final = "org.loopbridge.offer"  # which signs a message offers
NAME = Callable[[str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One message: its text and the same as HTML."""

    text: str
    html: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A whole post: its messages, the files that go with it, and who is called."""

    sheets: tuple[Sheet, ...]
    files: tuple[Attachment, ...]
    called: tuple[str, ...] = ()


def render(message: Message, name: NAME, *, most: int = MOST, hosts: Sequence[str] = ()) -> Rendered:
    """Return a message in at most `most` sheets; `name` tells what a user is called."""
    called = tuple(dict.fromkeys(user for who in message.notify if (user := names.user_of(who))))
    lines = list(_lines(message, called, name, hosts))
    files = tuple(block for block in message.blocks if isinstance(block, Attachment))
    sheets = list(_sheets(lines))
    if len(sheets) > most:
        whole = "\n".join(_plain(lines))
        files += (Attachment(name="message.md", content=whole),)
        sheets = _shortened(lines, message)
    return Rendered(sheets=tuple(sheets), files=files, called=called)


def _lines(message: Message, called: Sequence[str], name: NAME, hosts: Sequence[str]) -> Iterator[Line]:
    group, title = 0, wording.line(message.title, 300)
    if called or title:
        spoken = [(wording.line(name(user), 60) or user, user) for user in called]
        to = ", ".join(shown for shown, _ in spoken)
        pills = ", ".join(
            f'<a href="{html.escape(names.person_link(user))}">{html.escape(shown, quote=False)}</a>'
            for shown, user in spoken
        )
        strong = f"<strong>{markup.inline(title, hosts)}</strong>" if title else ""
        yield Line(
            plain=": ".join(part for part in (to, markup.plain(title)) if part),
            html=": ".join(part for part in (pills, strong) if part),
            group=group,
        )
    for block in message.blocks:
        group += 1
        for line in markup.lines_of(block, group, hosts):
            group = line.group
            yield line
    if signs.buttons(message):
        told = signs.legend(message)
        if told:
            yield Line(plain=told, html=markup.inline(told), group=group + 1)


def _shortened(lines: Sequence[Line], message: Message) -> list[Sheet]:
    """Return the beginning of what is too long, and where the rest is; the line of signs stays."""
    last = [lines[-1]] if signs.buttons(message) else []
    tail = [Line(plain=REST, html=REST, group=-1), *last]
    budget = SHEET - sum(map(_weight, tail)) - 200
    kept: list[Line] = []
    for line in lines:
        budget -= _weight(line)
        if budget < 0:
            break
        kept.append(line)
    return [_sheet([*kept, *tail])]


def _sheets(lines: Sequence[Line]) -> Iterator[Sheet]:
    held: list[Line] = []
    weight = 0
    for line in (piece for whole in lines for piece in _cut(whole)):
        more = _weight(line) + (0 if held and held[-1].group == line.group else 80)
        if held and weight + more > SHEET:
            yield _sheet(held)
            held, weight = [], 0
        held.append(line)
        weight += more
    if held:
        yield _sheet(held)


def _cut(line: Line) -> Iterator[Line]:
    """Yield a line whole, or in pieces that fit when it is longer than a message; a cut piece is plain."""
    if _weight(line) <= SHEET // 2:
        yield line
        return
    words, step = line.plain, SHEET // 12
    while words:
        at = len(words) if len(words) <= step else (words.rfind(" ", step // 2, step) + 1 or step)
        piece, words = words[:at], words[at:]
        yield Line(plain=piece, html=html.escape(piece, quote=False), group=line.group, code=line.code)


def _weight(line: Line) -> int:
    return len(json.dumps(line.plain)) + len(json.dumps(line.html)) + 10


def _sheet(lines: Sequence[Line]) -> Sheet:
    parts = []
    for _, several in groupby(lines, key=lambda line: line.group):
        group = list(several)
        if group[0].code:
            kind = f' class="language-{html.escape(group[0].language)}"' if group[0].language else ""
            parts.append(f"<pre><code{kind}>" + "\n".join(line.html for line in group) + "\n</code></pre>")
        else:
            parts.append("<p>" + "<br>".join(line.html for line in group) + "</p>")
    return Sheet(text=_sound("\n".join(_plain(lines))), html=_sound("".join(parts)))


def _sound(text: str) -> str:
    """Return a text without halves of characters, which no server takes."""
    return text.encode(errors="replace").decode()


def _plain(lines: Sequence[Line]) -> Iterator[str]:
    """Yield lines as plain text, with fences around code that is not a table."""
    for _, several in groupby(lines, key=lambda line: line.group):
        group = list(several)
        fenced = group[0].code and not group[0].plain.strip().startswith("|")
        fence = (
            "`" * max([3, *(len(run) + 1 for line in group for run in _runs(line.plain))]) if fenced else ""
        )
        if fenced:
            yield fence + group[0].language
        yield from (line.plain for line in group)
        if fenced:
            yield fence


def _runs(text: str) -> list[str]:
    stripped = text.strip()
    return [stripped[: len(stripped) - len(stripped.lstrip("`"))]] if stripped.startswith("```") else []


# ── contents ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def content(sheet: Sheet, called: Sequence[str], key: str = "") -> dict[str, Any]:
    """Return a message's content without its relation. A notice unless it calls somebody: notices ring for nobody."""
    told: dict[str, Any] = {
        "msgtype": "m.text" if called else "m.notice",
        "body": sheet.text,
        "format": "org.matrix.custom.html",
        "formatted_body": sheet.html,
        "m.mentions": {"user_ids": list(called)} if called else {},
        "com.beeper.linkpreviews": [],
    }
    return {**told, KEY: key} if key else told


def edit_of(event: str, new: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of an edit. Its own body, for clients that know no edits, is the first line alone."""
    first = str(new["body"]).split("\n", 1)[0][:200]
    return {
        "msgtype": new["msgtype"],
        "body": f"* {first}",
        "m.mentions": {},
        "m.new_content": dict(new),
        "m.relates_to": {"rel_type": "m.replace", "event_id": event},
    }


def in_thread(told: Mapping[str, Any], root: str, reply: str, *, real: bool = False) -> dict[str, Any]:
    """Return a content put into a thread; `reply` is what clients without threads show it under, or with `real` what it answers."""
    return {
        **told,
        "m.relates_to": {
            "rel_type": "m.thread",
            "event_id": root,
            "is_falling_back": not real,
            "m.in_reply_to": {"event_id": reply or root},
        },
    }


def size(told: Mapping[str, Any]) -> int:
    """Return the bytes of a content as it is sent."""
    return len(json.dumps(told, ensure_ascii=False).encode(errors="replace"))
