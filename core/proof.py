"""What a page of the team's knowledge claims, and on what. Owns: Claim, claims, Unproven, what of a page is proven. Imports: core. Effects: none.

A page is made of claims: a bullet or a paragraph that says one thing, with the address of the message it rests on.
"""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from core import wording
from core.graph import Node

CLAIM_CHARS = 2_000
CLAUDE = ".claude/"
PAGE_CHARS = 200_000  # of a page that is read for its claims
# Agents write pages: each pattern is bounded, or stops at what begins it, so that none takes more than one look at a stretch of text.
_LINK = re.compile(
    r"https?://[^\s<>\"')\]]{1,2000}[^\s<>\"')\].,;:!?]"
    r"|\b[a-z]{1,20}:[^\s/:<>\[\]()]{1,100}/[^\s#<>\[\]()]{1,300}#[^\s<>\[\](),;]{1,100}"
)
_FOOTNOTE = re.compile(r"^\[\^([^\]\s]+)\]:\s*(.*)$")
_MARK = re.compile(r"\[\^([^\[\]\s]{1,200})\]")
_INLINE = re.compile(r"!?\[([^\[\]]{0,2000})\]\(<?([^()\s<>]{1,2000})>?(?:\s[^()]{0,500})?\)")
_BULLET = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+(.*)$")
_QUIET = re.compile(r"^\s*(?:#{1,6}\s|<!--|\||(?:-{3,}|\*{3,}|_{3,})\s*$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One thing a page says, without its footnotes; `links` are the addresses it gives. `n` names it within its page."""

    text: str
    links: tuple[str, ...] = ()

    @property
    def n(self) -> str:
        """Return what stays the same while the claim says the same on the same grounds."""
        return hashlib.sha256("\x1f".join((self.text, *sorted(self.links))).encode()).hexdigest()[:8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unproven:
    """A claim that rests on nothing that was given, and why."""

    path: str
    text: str
    why: str


def claims(page: str) -> tuple[Claim, ...]:
    """Return the claims of a page of Markdown, each once: headings, code, tables and words that lead in to a list are none.

    What stands behind the first 200,000 characters is not read.
    """
    notes: dict[str, tuple[str, ...]] = {}
    blocks = list(_blocks(page[:PAGE_CHARS], notes))
    found: dict[str, Claim] = {}
    for block in blocks:
        links = [link for name in _MARK.findall(block) for link in notes.get(name, ())]
        links += _LINK.findall(_INLINE.sub(lambda match: f" {match.group(2)} ", block))
        text = _words(block)
        if text and not (text.endswith(":") and not links):
            claim = Claim(
                text=text[:CLAIM_CHARS], links=tuple(dict.fromkeys(html.unescape(link) for link in links))
            )
            found.setdefault(claim.n, claim)
    return tuple(found.values())


def _words(block: str) -> str:
    bare = _INLINE.sub(lambda match: match.group(1), _MARK.sub("", block))
    return " ".join(wording.clean(_LINK.sub("", bare).replace("<>", "")).split()).strip()


def _blocks(page: str, notes: dict[str, tuple[str, ...]]) -> Iterator[str]:
    """Yield paragraphs and bullets; definitions of footnotes go into `notes`."""
    block: list[str] = []
    fence = ""
    for line in [*_body(page), ""]:
        mark = line.strip()[:3]
        if fence or mark in ("```", "~~~"):
            fence = "" if fence and mark == fence else fence or mark
            line = ""
        if note := _FOOTNOTE.match(line):
            notes[note.group(1)] = tuple(_LINK.findall(note.group(2)))
            line = ""
        bullet = _BULLET.match(line)
        if (bullet or not line.strip() or _QUIET.match(line)) and block:
            yield " ".join(block)
            block = []
        if bullet:
            block = [bullet.group(1)]
        elif line.strip() and not _QUIET.match(line):
            block.append(line.strip())


def _body(page: str) -> list[str]:
    """Return a page's lines without the fields at its top."""
    lines = page.replace("\r\n", "\n").split("\n")
    if lines and lines[0].strip() == "---":
        end = next((number for number, line in enumerate(lines[1:], 1) if line.strip() == "---"), 0)
        return lines[end + 1 :]
    return lines


def unproven(pages: Mapping[str, str], given: Collection[str]) -> tuple[Unproven, ...]:
    """Return the claims of new or changed pages that name no source, or one that was not `given` (addresses).

    A skill, an agent or settings say what to do, not what is so: such a file has to name one source somewhere.
    """
    found = []
    for path, text in pages.items():
        if path.startswith(CLAUDE):
            if text and not any(html.unescape(link) in given for link in _LINK.findall(text)):
                found.append(Unproven(path=path, text=path, why="names no source that was given"))
            continue
        if not path.endswith((".md", ".markdown")):
            continue
        if len(text) > PAGE_CHARS:
            found.append(
                Unproven(
                    path=path, text=path, why=f"has more than {PAGE_CHARS:,} characters: nobody can check it"
                )
            )
        for claim in claims(text):
            if not claim.links:
                found.append(Unproven(path=path, text=claim.text, why="names no source"))
            elif not any(link in given for link in claim.links):
                found.append(
                    Unproven(path=path, text=claim.text, why=f"names {claim.links[0]}, which was not given")
                )
    return tuple(found)


def unmended(pages: Mapping[str, str], reopened: Sequence[Node]) -> tuple[Unproven, ...]:
    """Return the claims that were to be reopened and stand as they stood, in pages that changed or in others."""
    found = []
    for node in reopened:
        path, n = node.props.get("path", ""), node.key.rpartition("#")[2]
        if path not in pages or any(claim.n == n for claim in claims(pages[path])):
            why = f"still says what it said, though its source was {node.props.get('how', 'changed')}"
            found.append(Unproven(path=path, text=node.text, why=why))
    return tuple(found)


def said_unproven(found: Sequence[Unproven], most: int = 10) -> tuple[str, ...]:
    """Return unproven claims as lines for a proposal's card."""
    lines = [
        f"{wording.code(each.path, 80)} {each.why}: “{wording.line(each.text, 120)}”" for each in found[:most]
    ]
    return (*lines, *((f"and {len(found) - most:,} more",) if len(found) > most else ()))
