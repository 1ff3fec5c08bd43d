"""Answers to questions: help, lists, logs, receipts, why. Owns: their wording. Imports: core. Effects: none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from core import board, cards, commands, progress, subcommands, wording
from core.asks import Ask
from core.focus import Board
from core.graph import Edge, Node
from core.ids import ThreadKey
from core.loop import Loop
from core.message import Attachment, Checklist, Code, Message, Text
from core.people import People

DIFF_SHOWN = 3_000


def note(words: str) -> Message:
    """Return a plain sentence."""
    return Message(blocks=(Text(text=words),))


def help_page(word: str = "") -> Message:
    """Return the help page, or what there is to say of one word."""
    known = subcommands.BY_NAME.get(word.lower())
    if word and known is None:
        return note(f"There is no `/loop {wording.line(word, 40)}`. {commands.suggestion(word.lower())}")
    if known is not None:
        usage = f"/loop {known.name} {known.usage}".strip()
        extra = (
            "\nOptions: `--repo NAME`, `--branch NAME`, `--model NAME`, `--budget DOLLARS`, `--tag WORD,WORD`, `--plan` (plan first), `--no-context`, `--cached` (ask no remote first)."
            if known.name == "start"
            else ""
        )
        return Message(
            title=usage,
            blocks=(
                Text(text=f"{known.about[:1].upper()}{known.about[1:]}.{extra}"),
                Code(text=known.example),
            ),
        )
    lines = ["`/loop <task>` starts a loop here; in its thread, just talk. `@loop` and `!loop` work as well."]
    for group, words in subcommands.overview():
        if group == "most used":
            lines += [
                f"`/loop {entry.name}{' ' + entry.usage if entry.usage else ''}` · {entry.about}"
                for entry in words
            ]
        else:
            lines.append(f"**{group}**: {', '.join(f'`{entry.name}`' for entry in words)}")
    lines.append("`/loop help <word>` tells more, with an example.")
    return Message(title="Loopbridge", blocks=(Text(text="\n".join(lines)),))


def claimed() -> Message:
    """Return what the first admin hears."""
    return note(
        "You are the admin of this bridge now; the code is used up. `/loop people add @somebody member` lets others in, `/loop help` shows the rest."
    )


def people(everybody: People) -> Message:
    """Return who is who."""
    lines = [
        f"{wording.line(member.name, 40)} · {member.role}"
        for member in sorted(everybody.members.values(), key=lambda m: (m.role, m.name))
    ]
    return Message(title="People", blocks=(Text(text="\n".join(lines) or "Nobody yet."),))


def status(loop: Loop, asks: Sequence[Ask], *, at: datetime, secret: str) -> Message:
    """Return the loop's card as a message of its own."""
    return cards.status(loop, asks, at=at, secret=secret)


def loops(
    found: Sequence[Loop], *, mine: str = "", at: datetime, reads: Callable[[Loop], bool] = lambda _: True
) -> Message:
    """Return the loops there are, and how to start one when there is none; `reads` says whose titles whoever asks may read."""
    lines = [
        f"#{loop.handle} · {wording.line(loop.title, 60) if reads(loop) else board.UNTITLED} · {cards.STATES[loop.status]} · {wording.line(loop.driver_name, 30)}"
        f" · {wording.duration((at - loop.updated_at).total_seconds())} ago"
        for loop in found
    ]
    if not lines:
        lines = ["No loops." if not mine else "You drive no loop."]
    lines.append("`/loop <task>` starts one; `/loop help` shows what else there is.")
    return Message(title="Your loops" if mine else "Loops", blocks=(Text(text="\n".join(lines)),))


def home(
    mine: Sequence[Loop],
    waiting: Sequence[tuple[Ask, Loop]],
    matters: Board,
    *,
    at: datetime,
    reads: Callable[[Loop], bool],
    link: Callable[[ThreadKey], str],
) -> Message:
    """Return one person's page: the asks they may decide, the loops they drive, and the team's focus.

    `link` gives the address of a thread, empty for one that cannot be gone to from where the page is shown; `reads` says whose titles
    the person may read, and so whose threads they can go to.
    """
    asked = [
        f"{_linked(f'ask {ask.handle}', link(loop.thread) if reads(loop) else '')} of #{loop.handle} ·"
        f" {wording.line(loop.title, 60) if reads(loop) else board.UNTITLED} · for {wording.duration((at - ask.asked_at).total_seconds())}"
        for ask, loop in waiting
    ]
    own = [_brief(loop, at, link) for loop in mine]
    parts = (
        ("Waiting for you", asked, "Nothing."),
        ("Your loops", own, "None. `/loop <task>` starts one in a thread."),
    )
    blocks = tuple(
        Text(text="\n".join([f"**{title}**", *_first(lines, 15)] if lines else [f"**{title}**", none]))
        for title, lines, none in parts
    )
    focus = board.blocks(matters, at=at, link=link)
    return Message(title="Loopbridge", blocks=(*blocks, *focus))


def stranger() -> Message:
    """Return the page of somebody the bridge does not know."""
    return Message(
        title="Loopbridge",
        blocks=(
            Text(
                text="This bridge does not know you yet. A member lets you in with `/loop people add @you member`."
            ),
        ),
    )


def _brief(loop: Loop, at: datetime, link: Callable[[ThreadKey], str]) -> str:
    ago = wording.duration((at - loop.updated_at).total_seconds())
    handle = _linked(f"#{loop.handle}", link(loop.thread))
    return f"{handle} · {wording.line(loop.title, 60)} · {cards.STATES[loop.status]} · {ago} ago"


def _linked(words: str, address: str) -> str:
    return f"[{words}]({address})" if address else words


def _first(lines: Sequence[str], limit: int) -> list[str]:
    return [*lines[:limit], *([f"… and {len(lines) - limit:,} more"] if len(lines) > limit else [])]


def steps(loop: Loop) -> Message:
    """Return every step of the loop's newest turn."""
    turn = loop.turn
    if turn is None or not turn.calls:
        return note("Nothing has been done yet.")
    items = progress.steps(turn.calls, dropped=turn.steps_before, shown=200)
    return Message(title=f"Turn {turn.number} of #{loop.handle}", blocks=(Checklist(items=items),))


def diff(loop: Loop, changes: str) -> Message:
    """Return what the loop changed, as far as a message holds it."""
    plain = wording.clean(changes)
    if not plain.strip():
        return note(f"Loop #{loop.handle} has changed nothing.")
    if len(plain) <= DIFF_SHOWN:
        return Message(title=f"Changes of #{loop.handle}", blocks=(Code(text=plain, language="diff"),))
    cut = plain[:DIFF_SHOWN].rsplit("\n", 1)[0]
    lines = plain.count("\n") + (not plain.endswith("\n"))
    more = f"… {wording.count(lines, 'line')} in all, whole in the file."
    return Message(
        title=f"Changes of #{loop.handle}",
        blocks=(
            Code(text=cut, language="diff"),
            Text(text=more),
            Attachment(name=f"{loop.handle}.diff", content=plain),
        ),
    )


def files(loop: Loop, changes: str) -> Message:
    """Return the files a diff names."""
    names = sorted({line[6:] for line in changes.splitlines() if line.startswith(("+++ b/", "--- a/"))})
    if not names:
        return note(f"Loop #{loop.handle} has changed no file.")
    return Message(
        title=f"Files of #{loop.handle}",
        blocks=(Text(text="\n".join(wording.code(name, 100) for name in names)),),
    )


def usage(loop: Loop | None, *, here: tuple[float, int], all_loops: tuple[float, int]) -> Message:
    """Return what was spent, by the loop here and by all."""
    lines = [f"All loops: {wording.money(all_loops[0])} · {all_loops[1]:,} tokens"]
    if loop is not None:
        cap = f" of {wording.money(loop.budget_usd)}" if loop.budget_usd else ""
        lines.insert(0, f"Loop #{loop.handle}: {wording.money(here[0])}{cap} · {here[1]:,} tokens")
    return Message(title="Spent", blocks=(Text(text="\n".join(lines)),))


def why(start: Node, nodes: Mapping[str, Node], edges: Sequence[Edge]) -> Message:
    """Return the way back from a commit: the turn that made it, what was decided, what was said."""
    lines: list[str] = [
        f"commit {wording.code(start.props.get('sha', start.key)[:7])} “{wording.line(start.text, 80)}” on {wording.code(start.props.get('branch', '?'), 80)}"
    ]
    made = {edge.src for edge in edges if edge.kind == "produced" and edge.dst == start.key}
    of_loop = [edge for edge in edges if edge.kind == "ran" and edge.dst in made]
    for edge in of_loop:
        loop, turn = nodes.get(edge.src), nodes.get(edge.dst)
        if loop is not None:
            lines.append(
                f"made by loop #{loop.key.removeprefix('loop:')[:6]} “{wording.line(loop.props.get('title', loop.text), 60)}”, turn {turn.props.get('number', '?') if turn else '?'}"
            )
    calls = {edge.dst for edge in edges if edge.kind == "ran" and edge.src in made}
    lines += _decisions(calls | made, nodes, edges)
    lines += _said({edge.src for edge in of_loop} | made, nodes, edges)
    return Message(title="Why", blocks=(Text(text="\n".join(lines)),))


def _decisions(calls: set[str], nodes: Mapping[str, Node], edges: Sequence[Edge]) -> list[str]:
    asked = {edge.dst for edge in edges if edge.kind == "asked" and edge.src in calls}
    found = sorted(
        {edge.src for edge in edges if edge.kind == "decided" and edge.dst in asked},
        key=lambda key: nodes[key].at if key in nodes else datetime.min.replace(tzinfo=UTC),
    )
    return [
        f"decision at {nodes[key].at:%H:%M} UTC: {wording.line(nodes[key].text, 140)}"
        for key in found
        if key in nodes
    ]


def _said(origins: set[str], nodes: Mapping[str, Node], edges: Sequence[Edge]) -> list[str]:
    keys = {edge.dst for edge in edges if edge.kind == "ingested" and edge.src in origins} | {
        edge.src for edge in edges if edge.kind == "spawned" and edge.dst in origins
    }
    said = sorted(
        (nodes[key] for key in keys if key in nodes and nodes[key].kind == "message"),
        key=lambda node: (node.at, node.key),
    )
    lines = [
        f"said at {node.at:%H:%M} UTC by {wording.line(node.props.get('author', '?'), 30)}: “{wording.line(node.text or '(deleted)', 100)}”"
        + (f" {node.props['permalink']}" if node.props.get("permalink") else "")
        for node in said[-20:]
    ]
    return [f"… {len(said) - 20} earlier messages", *lines] if len(said) > 20 else lines
