"""The way back from a page, a claim or a decision to what was said. Owns: their wording. Imports: core. Effects: none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core import graph, references, wording
from core.audience import Sight
from core.decided import Mark
from core.graph import Node
from core.message import Message, Text

CLAIMS, SOURCES = 20, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Rests:
    """A claim and the messages it was distilled from."""

    claim: Node
    sources: Sequence[Node] = ()


def page(node: Node, claims: Sequence[Rests], makers: Sequence[Node], sight: Sight) -> Message:
    """Return what a page rests on, claim by claim; `makers` are the loops, commits and decisions that made it what it is."""
    tip = node.props.get("tip", "")
    head = f"page {wording.code(node.key.partition(':')[2], 100)}" + (f" as of {tip[:7]}" if tip else "")
    if node.props.get("deleted"):
        head += " · it is no more"
    flagged = sum(bool(graph.flagged(rests.claim)) for rests in claims)
    lines = [head]
    if flagged:
        lines.append(
            f"{wording.count(flagged, 'claim')} to be looked at again: a source was changed or deleted."
        )
    lines += [
        f"made by {_made(maker) if sight.sees(maker.audience) else 'a loop that not everybody here can see'}"
        for maker in makers[:SOURCES]
    ]
    for rests in claims[:CLAIMS]:
        lines += claim_lines(rests, sight)
    if len(claims) > CLAIMS:
        lines.append(f"… and {len(claims) - CLAIMS:,} more claims")
    if not claims:
        lines.append("No claim of it says what it rests on: somebody wrote it by hand.")
    return _why(lines)


def claim(rests: Rests, sight: Sight) -> Message:
    """Return what one claim rests on."""
    return _why(claim_lines(rests, sight))


def claim_lines(rests: Rests, sight: Sight) -> list[str]:
    """Return a claim and its sources as lines."""
    how = graph.flagged(rests.claim)
    what = f" · to be looked at again: a source was {how}" if how else ""
    lines = [f"• “{wording.line(rests.claim.text or '(gone)', 200)}”{what}"]
    lines += [f"   {_source(node, sight)}" for node in rests.sources[:SOURCES]]
    if len(rests.sources) > SOURCES:
        lines.append(f"   … and {len(rests.sources) - SOURCES:,} more sources")
    if not rests.sources:
        lines.append("   it names no source")
    return lines


def fact(rests: Rests, handle: str, sight: Sight) -> Message:
    """Return what a remembered fact rests on."""
    by = rests.claim.props.get("by", "")
    head = f"fact {handle} of the team" + (f", from {wording.line(by, 60)}" if by else "")
    return _why([head, *claim_lines(rests, sight)])


def decision(
    mark: Mark, source: Node | None, *, older: Mark | None, newer: Mark | None, marker: str, sight: Sight
) -> Message:
    """Return where a marked decision comes from, and what became of it."""
    state = {"live": "live", "superseded": "superseded", "withdrawn": "withdrawn"}.get(
        mark.status, mark.status
    )
    lines = [
        f"decision {mark.handle} · {state} · {mark.at:%Y-%m-%d %H:%M} UTC · {wording.line(mark.owner, 40)}",
        f"“{wording.line(mark.text, 400)}”" if mark.text else "(its message was deleted)",
    ]
    if marker and marker != mark.owner:
        lines.append(f"marked by {wording.line(marker, 40)}")
    if source is not None:
        lines.append(_source(source, sight))
    elif mark.permalink:
        lines.append(f"said in {mark.permalink}")
    if newer is not None:
        lines.append(f"superseded by {newer.handle}: “{wording.line(newer.text, 160)}”")
    if older is not None:
        lines.append(f"in place of {older.handle}: “{wording.line(older.text, 160)}”")
    return _why(lines)


def _made(node: Node) -> str:
    if node.kind == "loop":
        return (
            f"loop #{node.key.partition(':')[2][:6]} “{wording.line(node.props.get('title', node.text), 60)}”"
        )
    return f"{node.kind.replace('_', ' ')} “{wording.line(node.text, 80)}”"


def _source(node: Node, sight: Sight) -> str:
    if not sight.sees(node.audience):
        return "a message that not everybody here can read"
    link = node.props.get("permalink") or references.of_message(node.key)
    words = "(deleted)" if node.props.get("deleted") else f"“{wording.line(node.text, 100)}”"
    changed = " · edited since" if node.props.get("edited") else ""
    return f"said at {node.at:%Y-%m-%d %H:%M} UTC by {wording.line(node.props.get('author', '?'), 30)}: {words}{changed} {link}"


def _why(lines: Sequence[str]) -> Message:
    return Message(title="Why", blocks=(Text(text="\n".join(lines)),))
