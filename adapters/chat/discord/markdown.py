"""The small Markdown as Discord's. Owns: escape, code, fence, inline, segments. Imports: re, core.wording. Effects: none.

Agent text is shown to the letter: everything that Discord would take for formatting, a mention or a link is escaped, but for what the
small Markdown means. Links that lead away from Discord are shown as code: nobody fetches or follows one by accident.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from core import wording

_MARKS = re.compile(r"([\\`*_~|<>\[\]#])")
_LIST = re.compile(r"^( *)([-+])(?=[ \t#])", re.MULTILINE)
_NUMBER = re.compile(r"^( *\d{1,19})\.(?=[ \t])", re.MULTILINE)
_MARKUP = re.compile(
    r"(?<!`)(?P<ticks>`+)(?!`)(?P<code>[^\n]*?[^`\n])(?P=ticks)(?!`)"
    r"|\*\*(?=\S)(?P<bold>(?:`[^`\n]+`|(?!\n\n)[^`*])+?)(?<=\S)\*\*(?!\*)"
    r"|\[(?P<label>[^\[\]\n]+)\]\((?P<target>https?://[^()\s]+)\)"
    r"|(?P<url>\b[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s`]+)"
)
_HOME = re.compile(r"https://discord\.com/channels/(?:@me|\d+)/\d+(?:/\d+)?")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})\s*([\w+#.-]*)[^`]*$")
_ROW = re.compile(r"^\s*\|.*\|\s*$")
_RULE = re.compile(r"^\s*\|(?:\s*:?-+:?\s*\|)+\s*$")
_HEADING = re.compile(r"^#{1,6} +(\S.*?)(?: +#+)?$")
_TRAIL = ".,:;!?'\")]}"  # what ends a sentence rather than an address
_LANGUAGE = re.compile(r"[^A-Za-z0-9_+.#-]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A stretch of a text: prose in the small Markdown, or (with `fixed`) plain lines that keep their columns."""

    text: str
    fixed: bool = False
    language: str = ""


def clean(text: str) -> str:
    """Return text without control characters, hidden marks, and halves of characters that cannot be sent."""
    return wording.clean(text).encode("utf-8", "replace").decode("utf-8")


def escape(text: str) -> str:
    """Return text that is read on Discord to the letter, wherever it stands in a message."""
    marked = _MARKS.sub(r"\\\1", text)
    return _NUMBER.sub(r"\1\\.", _LIST.sub(r"\1\\\2", marked)).replace("://", ":\\//")


def code(text: str) -> str:
    """Return text as inline code on one line, whatever backquotes it holds."""
    flat = text.replace("\n", " ")
    if not flat.strip():
        return "` `"
    runs = {len(run) for run in re.findall(r"`+", flat)}
    ticks = "`" if 1 not in runs else "``"
    if len(ticks) in runs:
        # No pair of marks is left that it could stand between.
        flat, ticks = flat.replace("`", "ˋ"), "`"
    before = " " if flat.lstrip(" ").startswith("`") else ""
    after = " " if flat.rstrip(" ").endswith("`") else ""
    return f"{ticks}{before}{flat}{after}{ticks}"


def fence(text: str, hint: str = "") -> str:
    """Return lines as a code block that nothing in them can end."""
    held = re.sub(r"`{3,}", lambda run: "\u200b".join(run.group()), text)
    return f"```{language(hint)}\n{held}\n```"


def inline(text: str) -> str:
    """Return a stretch of the small Markdown as Discord's; a heading is a bold line."""
    return "\n".join(
        f"**{escape(heading[1])}**" if (heading := _HEADING.match(line)) else shown
        for line, shown in zip(text.split("\n"), _spans(text).split("\n"), strict=True)
    )


def _spans(text: str) -> str:
    out: list[str] = []
    at = 0
    for found in _MARKUP.finditer(text):
        out += [escape(text[at : found.start()]), _span(found)]
        at = found.end()
    return "".join([*out, escape(text[at:])])


def _span(found: re.Match[str]) -> str:
    if found["code"] is not None:
        held = found["code"]
        padded = held[:1] == held[-1:] == " " and held.strip() != ""
        return code(held[1:-1] if padded else held)
    if found["bold"] is not None:
        inside = _spans(found["bold"])
        # Discord looks for the closing stars within code, too.
        return inside if "*" in found["bold"] else f"**{inside}**"
    if found["label"] is not None:
        return f"{escape(found['label'])} ({_address(found['target'])})"
    url = found["url"]
    kept = url.rstrip(_TRAIL)
    return _address(kept) + escape(url[len(kept) :])


def _address(url: str) -> str:
    return f"<{url}>" if _HOME.fullmatch(url) else code(url)


def segments(text: str) -> Iterator[Segment]:
    """Take a text in the small Markdown apart into prose, fenced code and tables, in order."""
    prose: list[str] = []
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        found = _fenced(lines, at) or _tabled(lines, at)
        if found is None or not found[1].text.strip():
            # A fence around nothing is what somebody wrote, not a mark of theirs.
            prose.append(lines[at])
            at += 1
            continue
        yield from _prose(prose)
        prose = []
        at, segment = found
        yield segment
    yield from _prose(prose)


def _prose(lines: list[str]) -> Iterator[Segment]:
    words = "\n".join(lines).strip("\n")
    if words.strip():
        yield Segment(text=words)


def _fenced(lines: list[str], at: int) -> tuple[int, Segment] | None:
    opening = _FENCE.match(lines[at])
    if opening is None:
        return None
    mark = opening[1]
    # A fence nobody closed holds all that follows.
    ends = (
        end
        for end in range(at + 1, len(lines))
        if len(lines[end].strip()) >= len(mark) and set(lines[end].strip()) == {mark[0]}
    )
    end = next(ends, len(lines))
    return end + 1, Segment(text="\n".join(lines[at + 1 : end]), fixed=True, language=language(opening[2]))


def _tabled(lines: list[str], at: int) -> tuple[int, Segment] | None:
    end = at
    while end < len(lines) and _ROW.match(lines[end]):
        end += 1
    if end - at < 2:
        return None
    rows = lines[at:end]
    return end, Segment(text="\n".join(_aligned(rows) if _RULE.match(rows[1]) else rows), fixed=True)


def _aligned(rows: list[str]) -> list[str]:
    cells = [[cell.strip() for cell in row.strip().strip("|").split("|")] for row in rows]
    columns = max(len(row) for row in cells)
    body = [row + [""] * (columns - len(row)) for row in (cells[0], *cells[2:])]
    widths = [max(3, *(len(row[place]) for row in body)) for place in range(columns)]
    told = [
        "| " + " | ".join(f"{cell:<{wide}}" for cell, wide in zip(row, widths, strict=True)) + " |"
        for row in body
    ]
    return [told[0], "| " + " | ".join("-" * wide for wide in widths) + " |", *told[1:]]


def language(hint: str) -> str:
    """Return a language hint that can stand after a fence."""
    return _LANGUAGE.sub("", hint)[:20]
