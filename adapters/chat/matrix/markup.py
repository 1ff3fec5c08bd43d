"""The small Markdown as HTML and as plain text. Owns: Line, lines_of, inline, plain. Imports: html, re, core. Effects: none.

Everything is escaped; the only tags are those made here. A bare address or a link to a host nobody trusts is shown as code: a client or
its server would fetch it for a preview, without a click, and could carry something out in it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from core import wording
from core.message import Attachment, Block, Buttons, Checklist, Code, Fields, Mark, Text, ending

OURS = ("matrix.to",)
MARKS: dict[Mark, str] = {"done": "✓", "running": "…", "failed": "✗", "waiting": "○"}
_SPAN = re.compile(r"(`+[^`\n]+`+)")
_SLASH = re.compile(r"^(`+)/loop(?=[ `])")
_LINK = re.compile(r"\[([^\]\n]+)\]\((https?://[^()\s]+)\)")
_BARE = re.compile(r"https?://[^\s<>\"'`]+[^\s<>\"'`.,;:!?)\]]")
_BOLD = re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*")
_FENCE = re.compile(r"^\s{0,3}(`{3,}|~{3,})\s*([\w+-]*)[^`]*$")
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line in both forms. Lines of one `group` stand together; `code` says that they are preformatted."""

    plain: str
    html: str
    group: int
    code: bool = False
    language: str = ""


def inline(text: str, hosts: Sequence[str] = ()) -> str:
    """Return one line of the small Markdown as HTML; links to `hosts` stay links."""
    out = []
    for place, piece in enumerate(_spans(text)):
        if place % 2:
            out.append(f"<code>{html.escape(piece.strip('`'), quote=False)}</code>")
        else:
            out.append(_linked(piece, hosts))
    return "".join(out)


def _linked(text: str, hosts: Sequence[str]) -> str:
    out, at = [], 0
    for found in _LINK.finditer(text):
        out += [_bare(text[at : found.start()], hosts), _anchor(found.group(1), found.group(2), hosts)]
        at = found.end()
    return "".join([*out, _bare(text[at:], hosts)])


def _bare(text: str, hosts: Sequence[str]) -> str:
    out, at = [], 0
    for found in _BARE.finditer(text):
        out += [_bold(text[at : found.start()]), _anchor("", found.group(), hosts)]
        at = found.end()
    return "".join([*out, _bold(text[at:])])


def _bold(text: str) -> str:
    return _BOLD.sub(r"<strong>\1</strong>", html.escape(text, quote=False))


def _anchor(label: str, address: str, hosts: Sequence[str]) -> str:
    try:
        host = (urlsplit(address).hostname or "").lower()
    except ValueError:
        host = ""
    if host in OURS or host in hosts:
        return f'<a href="{html.escape(address)}">{_bold(label or address)}</a>'
    shown = f"<code>{html.escape(address, quote=False)}</code>"
    return f"{_bold(label)} ({shown})" if label else shown


def plain(text: str) -> str:
    """Return one line of the small Markdown as plain text: bold loses its stars, a link shows its address."""
    return "".join(
        piece if place % 2 else _BOLD.sub(r"\1", _LINK.sub(r"\1 (\2)", piece))
        for place, piece in enumerate(_spans(text))
    )


def _spans(text: str) -> list[str]:
    """Split at inline code, which takes the odd places. Clients keep `/commands` for themselves: it is `!loop` here."""
    return [
        _SLASH.sub(r"\1!loop", piece) if place % 2 else piece for place, piece in enumerate(_SPAN.split(text))
    ]


def lines_of(block: Block, group: int, hosts: Sequence[str] = ()) -> Iterator[Line]:
    """Yield a block's lines; `group` numbers the first of its groups, which count up by one."""
    match block:
        case Text():
            yield from _text(wording.clean(block.text), group, hosts)
        case Code():
            yield from _code(wording.clean(block.text).rstrip("\n").split("\n"), group, block.language)
        case Checklist():
            for item in block.items:
                said = wording.line(item.text, 300)
                yield _line(f"{MARKS[item.mark]} {said}{ending(said, item.mark)}", group, hosts)
        case Fields():
            for label, value in block.pairs:
                said = f"{wording.line(label)}: "
                yield Line(
                    plain=said + plain(wording.clean(value)),
                    html=f"<strong>{html.escape(said, quote=False)}</strong>{inline(wording.clean(value), hosts)}",
                    group=group,
                )
        case Buttons() | Attachment():
            return


def _line(text: str, group: int, hosts: Sequence[str]) -> Line:
    heading = _HEADING.match(text)
    if heading:
        return Line(
            plain=plain(heading.group(1)),
            html=f"<strong>{inline(heading.group(1), hosts)}</strong>",
            group=group,
        )
    return Line(plain=plain(text), html=inline(text, hosts), group=group)


def _code(rows: Sequence[str], group: int, language: str) -> Iterator[Line]:
    for row in rows:
        yield Line(plain=row, html=html.escape(row, quote=False), group=group, code=True, language=language)


def _text(text: str, group: int, hosts: Sequence[str]) -> Iterator[Line]:
    """Yield a paragraph's lines, with fenced code and tables preformatted."""
    fence, language, table = "", "", False
    for row in text.split("\n"):
        opening = _FENCE.match(row)
        if fence:
            if row.strip().startswith(fence) and not row.strip().strip(fence[0]):
                fence, group = "", group + 1
            else:
                yield from _code([row], group, language)
        elif opening:
            fence, language, group, table = opening.group(1), opening.group(2), group + 1, False
        else:
            tabular = row.strip().startswith("|") and row.strip().endswith("|") and len(row.strip()) > 1
            if tabular != table:
                group, table = group + 1, tabular
            if tabular:
                yield from _code([row], group, "")
            else:
                yield _line(row, group, hosts)
