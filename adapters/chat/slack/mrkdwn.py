"""The small Markdown as Slack's rich text. Owns: escape, spans, segments, cut. Imports: re, core.wording. Effects: none.

Rich text is made of elements that say what they are, so nothing in a text can become a mention, a link or a style by its spelling.
mrkdwn is used for fallback texts alone, and only escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from core import wording

_MARKUP = re.compile(
    r"(?<!`)(?P<ticks>`+)(?!`)(?P<code>[^\n]*?[^`\n])(?P=ticks)(?!`)"
    r"|\*\*(?=\S)(?P<bold>(?:`[^`\n]+`|(?!\n\n)[^`])+?)(?<=\S)\*\*"
    r"|\[(?P<label>[^\]\n]+)\]\((?P<url>https?://[^()\s]+)\)"
)
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})[^`]*$")
_ROW = re.compile(r"^\s*\|.*\|\s*$")
_RULE = re.compile(r"^\s*\|(?:\s*:?-+:?\s*\|)+\s*$")
_HEADING = re.compile(r"^#{1,6} +(\S.*?)(?: +#+)?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Words in one style; with `url` they lead there."""

    text: str
    bold: bool = False
    code: bool = False
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A stretch of a text: prose, or lines that keep their columns."""

    kind: Literal["prose", "fixed"]
    text: str


def escape(text: str) -> str:
    """Return text that mrkdwn shows to the letter: no reference can begin in it."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def clean(text: str) -> str:
    """Return text without control characters, hidden marks, and halves of characters that cannot be sent."""
    return wording.clean(text).encode("utf-8", "replace").decode("utf-8")


def segments(text: str) -> Iterator[Segment]:
    """Take a text apart into prose, fenced code and tables."""
    prose: list[str] = []
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        end, kept = _fenced(lines, at) or _tabled(lines, at) or (0, [])
        if not end:
            prose.append(lines[at])
            at += 1
            continue
        yield from _prose(prose)
        prose = []
        if kept:
            yield Segment(kind="fixed", text="\n".join(kept))
        at = end
    yield from _prose(prose)


def _prose(lines: list[str]) -> Iterator[Segment]:
    words = "\n".join(lines).strip("\n")
    if words.strip():
        yield Segment(kind="prose", text=words)


def _fenced(lines: list[str], at: int) -> tuple[int, list[str]] | None:
    opening = _FENCE.match(lines[at])
    if opening is None:
        return None
    mark = opening[1]
    for end in range(at + 1, len(lines)):
        line = lines[end].strip()
        if len(line) >= len(mark) and set(line) == {mark[0]}:
            return end + 1, lines[at + 1 : end]
    # A fence nobody closed holds all that follows.
    return len(lines), lines[at + 1 :]


def _tabled(lines: list[str], at: int) -> tuple[int, list[str]] | None:
    end = at
    while end < len(lines) and _ROW.match(lines[end]):
        end += 1
    if end - at < 2:
        return None
    rows = lines[at:end]
    return end, _aligned(rows) if _RULE.match(rows[1]) else rows


def _aligned(rows: list[str]) -> list[str]:
    cells = [[cell.strip() for cell in row.strip().strip("|").split("|")] for row in rows]
    if len({len(row) for row in cells}) > 1:
        return rows
    written = [cells[0], *cells[2:]]
    widths = [max(3, *(len(row[place]) for row in written)) for place in range(len(cells[0]))]
    cells[1] = ["-" * width for width in widths]
    padded = ([f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)] for row in cells)
    return [f"| {' | '.join(row)} |" for row in padded]


def spans(text: str) -> list[Span]:
    """Read the small Markdown of a stretch of prose; a heading is a bold line."""
    found: list[Span] = []
    plain: list[str] = []
    for line in text.split("\n"):
        if heading := _HEADING.match(line):
            before = "\n".join([*plain, ""]) if plain else ""
            found += [*_inline(before), *_emboldened(heading[1]), Span(text="\n")]
            plain = []
        else:
            plain.append(line)
    if not plain and found:
        found.pop()
    return [span for span in [*found, *_inline("\n".join(plain))] if span.text]


def _inline(text: str) -> Iterator[Span]:
    end = 0
    for match in _MARKUP.finditer(text):
        yield Span(text=text[end : match.start()])
        if match["code"]:
            yield Span(text=match["code"], code=True)
        elif match["bold"]:
            yield from _emboldened(match["bold"])
        else:
            yield Span(text=match["label"], url=match["url"])
        end = match.end()
    yield Span(text=text[end:])


def _emboldened(text: str) -> Iterator[Span]:
    return (replace(span, bold=True) for span in _inline(text))


def element(span: Span) -> dict[str, Any]:
    """Return a span as an element of rich text."""
    style = {name: True for name, on in (("bold", span.bold), ("code", span.code)) if on}
    words: dict[str, Any] = {"type": "text", "text": span.text}
    if span.url:
        words = {"type": "link", "url": span.url, "text": span.text}
    return words | ({"style": style} if style else {})


def cut(text: str, limit: int) -> tuple[str, str]:
    """Cut a text in two, the first at most `limit` characters: at a line's end, else at a space, else anywhere."""
    if len(text) <= limit:
        return text, ""
    line = text.rfind("\n", 0, limit + 1)
    if line > 0:
        return text[:line], text[line + 1 :]
    space = text.rfind(" ", limit // 2, limit)
    at = space + 1 if space > 0 else limit
    return text[:at], text[at:]


def split(found: list[Span], limit: int) -> Iterator[list[Span]]:
    """Split spans into runs of at most `limit` characters, each cut as `cut` cuts the words."""
    while found:
        words = "".join(span.text for span in found)
        first, rest = cut(words, limit)
        yield _slice(found, 0, len(first))
        found = _slice(found, len(words) - len(rest), len(words))


def _slice(found: list[Span], start: int, end: int) -> list[Span]:
    kept, at = [], 0
    for span in found:
        words = span.text[max(0, start - at) : max(0, end - at)]
        if words:
            kept.append(replace(span, text=words))
        at += len(span.text)
    return kept
