"""A thread or a loop as a page to read. Owns: page. Imports: core. Effects: none: Markdown out of the journal's lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from core import graph, journal, wording
from core.graph import Edge, Node
from core.ids import LoopId

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LONGEST = 4000
TELLING = ("message", "loop", "turn", "tool_call", "ask", "decision", "commit")
_TICKS = re.compile(r"`+")


@dataclass(slots=True)
class Told:
    """What lines tell of a thread: its nodes as they read now, in the order they were first told, and the edges by source."""

    nodes: dict[str, Node] = field(default_factory=dict)
    edges: dict[str, list[Edge]] = field(default_factory=dict)

    def take(self, line: Mapping[str, Any]) -> None:
        """Take a line in. Raises ValueError, KeyError or TypeError when it is none."""
        for fact in journal.facts(line):
            if isinstance(fact, Edge):
                self.edges.setdefault(fact.src, []).append(fact)
                continue
            known = self.nodes.get(fact.key)
            if known is not None:
                props = {**known.props, **fact.props}
                text = "" if props.get("deleted") else fact.text or known.text
                fact = replace(known, text=text, props=props)
            self.nodes[fact.key] = fact

    def to(self, src: str, kind: str) -> list[str]:
        """Return where the edges of a kind lead."""
        return [edge.dst for edge in self.edges.get(src, ()) if edge.kind == kind]

    def of_loop(self, loop: str) -> set[str]:
        """Return what a loop read, ran, asked and made."""
        mine = {graph.loop(LoopId(loop))}
        mine |= {key for key in self.nodes if key.startswith((f"turn:{loop}.", f"tool_call:{loop}."))}
        for src in list(mine):
            mine |= {
                edge.dst for edge in self.edges.get(src, ()) if edge.kind in ("ingested", "produced", "asked")
            }
        for src, edges in self.edges.items():
            mine |= {src for edge in edges if edge.kind == "decided" and edge.dst in mine}
            mine |= {src for edge in edges if edge.kind == "spawned" and edge.dst in mine}
        return mine


def page(
    title: str,
    lines: Sequence[Mapping[str, Any]],
    loops: Sequence[Sequence[Mapping[str, Any]]],
    *,
    only: str = "",
) -> str:
    """Return the page of a thread, or of the loop `only` of it.

    `lines` are the thread's, oldest first; `loops` the files of its loops, each as its lines. Raises ValueError, KeyError or
    TypeError when they are not as they were written.
    """
    told = Told()
    for line in lines:
        told.take(line)
    wanted = told.of_loop(only) if only else set(told.nodes)
    shown = [node for node in told.nodes.values() if node.kind in TELLING and node.key in wanted]
    shown.sort(key=lambda node: node.at)
    parts = [f"# {_line(title)}\n"]
    if lines:
        parts.append(
            f"As journalled up to line {lines[-1]['seq']}, {_moment(lines[-1]['at'])}. Times are UTC.\n"
        )
    day = None
    for node in shown:
        if node.at.astimezone(UTC).date() != day:
            day = node.at.astimezone(UTC).date()
            parts.append(f"\n## {day.isoformat()}\n")
        parts.append(_entry(node, told))
    for file in loops:
        parts += _loop(file)
    return "\n".join(parts).rstrip("\n") + "\n"


def _entry(node: Node, told: Told) -> str:
    at = node.at.astimezone(UTC).strftime("%H:%M:%S")
    match node.kind:
        case "message":
            return _message(node, at)
        case "loop":
            return f"**{at} · Loop {node.key.partition(':')[2][:6]} begins**: {_line(node.props.get('title', ''))}, driver {_line(node.props.get('driver', ''))}\n"
        case "turn":
            return f"**{at} · Turn {node.props.get('number', '')}**\n"
        case "tool_call":
            return f"- {at} called {_code(node.text)}"
        case "ask":
            return f"- {at} asked ({_line(node.props.get('handle', ''))}): {_code(node.text)}"
        case "decision":
            reason = node.props.get("reason", "")
            return f"- {at} **decision**: {_line(node.text)}" + (f" “{_line(reason)}”" if reason else "")
        case _:
            repo = ", ".join(key.partition(":")[2] for key in told.to(node.key, "tagged"))
            files = ", ".join(
                _line(told.nodes[key].text) for key in told.to(node.key, "touches") if key in told.nodes
            )
            sha = node.props.get("sha", "")[:12]
            return f"- {at} **commit** {_code(sha)} {_line(node.text)} ({_line(repo)}{': ' + files if files else ''})"


def _message(node: Node, at: str) -> str:
    props = node.props
    marks = [name for name in ("edited", "deleted") if props.get(name)]
    head = f"**{at} {_line(props.get('author', '')) or 'somebody'}**" + (
        f" ({', '.join(marks)})" if marks else ""
    )
    said = "\n".join(f"> {_text(line)}" for line in node.text.split("\n")) if node.text else ""
    files = props.get("files", "")
    more = [f"files: {', '.join(_code(name) for name in files.split(chr(10)))}"] if files else []
    if link := props.get("permalink", ""):
        more.append(f"<{_line(link)}>")
    return "\n".join(part for part in (head, said, " · ".join(more)) if part) + "\n"


def _loop(file: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    loop = file[0]["loop"]
    yield f"\n## Loop {loop['id'][:6]}: {_line(loop['title'])}\n"
    rows = [("driver", loop["driver_name"]), ("status", loop["status"]), ("repository", loop["repo"])]
    rows += [
        ("branch", loop["branch"]),
        ("context", loop["receipt"]),
        ("spent", wording.money(loop["spent_usd"])),
    ]
    yield "\n".join(f"- {name}: {_line(str(value))}" for name, value in rows if value) + "\n"
    for turn in file[1:]:
        started = EPOCH + timedelta(microseconds=turn["started_at"])
        yield f"### Turn {turn['number']}, {_moment(started.isoformat())}, {wording.money(turn['spent_usd'])}\n"
        answer = turn["answer"] or f"(no answer: {turn['state']})"
        yield "\n".join(f"> {_text(line)}" for line in answer.split("\n")) + "\n"


def _moment(at: str) -> str:
    return datetime.fromisoformat(at).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _text(words: str) -> str:
    return wording.CONTROL.sub("", wording.ANSI.sub("", words))


def _line(words: str) -> str:
    return " ".join(_text(words).split())


def _code(words: str) -> str:
    """Return words as code, fenced by more ticks than they hold."""
    line = _line(words)
    line = line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
    ticks = "`" * (1 + max((len(run) for run in _TICKS.findall(line)), default=0))
    pad = " " if line.startswith("`") or line.endswith("`") or not line else ""
    return f"{ticks}{pad}{line}{pad}{ticks}"
