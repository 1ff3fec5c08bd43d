"""Many tool calls, few lines. Owns: steps, the people's words for what the agent does. Imports: core.loop, core.message. Effects: none."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby

from core import layers, wording
from core.loop import Call
from core.message import Item, Mark

SHOWN = 5
READS = frozenset({"Read", "NotebookRead"})
SEARCHES = frozenset({"Grep", "Glob", "LS"})
EDITS = {
    "Edit": ("Edited", "Editing"),
    "MultiEdit": ("Edited", "Editing"),
    "NotebookEdit": ("Edited", "Editing"),
    "Write": ("Wrote", "Writing"),
}
REMEMBER = "mcp__loop__remember"
OURS = {
    "mcp__loop__promote": ("Promoted", "Promoting"),
    REMEMBER: ("Remembered a fact", "Remembering a fact"),
    "mcp__loop__context_search": ("Searched the team's context", "Searching the team's context"),
}
ASKED = {
    "AskUserQuestion": ("Asked a question", "Waiting for an answer"),
    "ExitPlanMode": ("Handed in the plan", "Waiting for a yes to the plan"),
}
OWN_NOTES = "its driver’s own notes"
# How a refused step is told, by the first word of what it would have been.
NOT_DONE = {
    "Ran": "Did not run", "Read": "Did not read", "Edited": "Did not edit", "Wrote": "Did not write",
    "Searched": "Did not search", "Promoted": "Did not promote", "Remembered": "Did not remember", "Used": "Did not use",
    "Worked": "Did not work",
}  # fmt: skip
QUIET = frozenset({"TodoWrite", "ToolSearch"})
MARKS: dict[str, Mark] = {
    "asked": "waiting", "allowed": "running", "denied": "failed", "ended": "done", "failed": "failed", "unknown": "failed",
}  # fmt: skip
ENDINGS = {"denied": "not allowed", "unknown": "outcome unknown"}


def steps(
    calls: Sequence[Call], *, dropped: int = 0, shown: int = SHOWN, workdir: str = "/loop/workdir"
) -> tuple[Item, ...]:
    """Return the newest steps as checklist items; earlier ones are counted in a first line."""
    told = [call for call in calls if call.tool not in QUIET]
    items = [_item(list(group), workdir) for _, group in groupby(told, key=_kind)]
    hidden = len(items) - shown
    if hidden <= 0 and not dropped:
        return tuple(items)
    earlier = Item(text=f"{wording.count(max(hidden, 0) + dropped, 'earlier step')}", mark="done")
    return (earlier, *items[-shown:])


def said(call: Call, workdir: str = "/loop/workdir") -> str:
    """Return what one call does in people's words, in the past or the present as its state asks."""
    return _item([call], workdir).text


def alone(call: Call) -> bool:
    """Whether a call is about what is one member's alone: what stands there is not told, nor how it is called."""
    given = json.loads(call.input) if call.tool == REMEMBER else {}
    return layers.OWN_PLACE in call.input or bool(given.get("personal"))


def _kind(call: Call) -> str:
    """Reads and searches in a row are told as one step; anything else stands alone."""
    settled = call.state in ("ended", "allowed")
    if call.tool in READS and settled:
        return "read"
    if call.tool in SEARCHES and settled:
        return "search"
    return f"{call.leg}/{call.id}"


def _item(group: Sequence[Call], workdir: str) -> Item:
    newest = group[-1]
    # A command that ran and said no (a failing test, say) is a step done; its note tells how it ended.
    mark: Mark = (
        "done"
        if newest.tool == "Bash" and newest.state == "failed" and newest.note not in ("", "failed")
        else MARKS[newest.state]
    )
    if len(group) > 1:
        text = f"Read {len(group)} files" if newest.tool in READS else f"Searched {len(group)} times"
        return Item(text=text, mark=mark)
    return Item(text=_words(newest, workdir), mark=mark)


def _words(call: Call, workdir: str) -> str:
    given = json.loads(call.input)
    over = call.state in ("ended", "failed", "unknown", "denied")
    if alone(call):
        head = f"{'Worked' if over else 'Working'} in {OWN_NOTES}"
    elif call.tool == "Bash":
        head = ("Ran " if over else "Running ") + wording.code(str(given.get("command", "")), 80)
    elif call.tool in READS:
        head = ("Read " if over else "Reading ") + _file(given, workdir)
    elif call.tool in EDITS:
        past, present = EDITS[call.tool]
        head = f"{past if over else present} {_file(given, workdir)}"
    elif call.tool in SEARCHES:
        head = ("Searched for " if over else "Searching for ") + wording.code(
            str(given.get("pattern", "")), 60
        )
    elif call.tool in ASKED:
        head = ASKED[call.tool][bool(call.state == "asked")]
    elif call.tool in OURS:
        past, present = OURS[call.tool]
        head = " ".join(part for part in (past if over else present, _layer(given)) if part)
    else:
        head = ("Used " if over else "Using ") + wording.line(call.tool, 60)
    if call.state == "denied":
        verb, _, rest = head.partition(" ")
        head = f"{NOT_DONE[verb]} {rest}" if verb in NOT_DONE else head
    if call.state == "asked":
        head = head.replace("Running", "Waiting for a yes to run", 1)
    ending = (call.note if call.state == "denied" else "") or ENDINGS.get(call.state) or call.note
    return head + (
        f" ({wording.line(ending, 60)})"
        if ending and not ending.startswith("+")
        else f" {ending}"
        if ending
        else ""
    )


def _layer(given: dict[str, object]) -> str:
    layer = given.get("layer")
    return f"to {wording.line(layer, 20)}" if isinstance(layer, str) else ""


def _file(given: dict[str, object], workdir: str) -> str:
    name = str(given.get("file_path") or given.get("notebook_path") or given.get("path") or "a file")
    return wording.code(name.removeprefix(workdir + "/"), 80)
