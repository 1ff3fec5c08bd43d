"""What the agent is told. Owns: the wording of prompts and the escaping of what people wrote. Imports: core, html. Effects: none.

Only the `<task>` and `<said>` blocks of members the loop listens to are instructions; everything else is marked as data. What people
wrote is escaped, so that no text can close its block or open another.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

from core import files, planning, questions, wording
from core.asks import Ask
from core.loop import Call, Input, Loop, Turn


def quoted(text: str) -> str:
    """Return untrusted text that can neither close nor open a block."""
    return html.escape(wording.clean(text), quote=False)


def attribute(text: str) -> str:
    """Return untrusted text as the value of an attribute, on one line."""
    return html.escape(wording.line(text, 80), quote=True)


def task(loop: Loop) -> str:
    """Return the first prompt of a loop, without its capsule."""
    return f'<task by="{attribute(loop.driver_name)}">\n{quoted(loop.task)}\n</task>'


def afresh(loop: Loop, prompt: str) -> str:
    """Return a prompt for a session that knows nothing yet: with the task, if the prompt does not hold it already."""
    what = task(loop)
    if what in prompt:
        return prompt
    gone = "Work on this began in an earlier session, which is gone. The workdir is as it left it: look at it first."
    return f"{what}\n\n{gone}\n\n{prompt}"


def conflict(layer: str, files: Sequence[str]) -> str:
    """Return what a loop is told when others changed the same places of a layer."""
    where = ", ".join(wording.line(file, 120) for file in files)
    return (
        f"Promoting your {layer} met changes of others in {where}. /loop/context/{layer} holds both now, between <<<<<<< and >>>>>>>. "
        "Keep what is right of both, take the marks out, and promote again."
    )


_EDITED = "Your proposal"


def edit_proposal(handle: str, layer: str, words: str, *, conflicting: bool) -> str:
    """Return what a loop is told when somebody wants its proposal changed."""
    more = (
        " It conflicts with what others merged meanwhile: promoting again shows you where."
        if conflicting
        else ""
    )
    return (
        f"{_EDITED} {handle} for {layer} is to be changed: {words}\n"
        f"Change the files in /loop/context/{layer} and promote again; that replaces what you proposed.{more}"
    )


def edited_by(name: str) -> str:
    """Return how a prompt tells what somebody wants changed in a proposal: they may have said it in whatever thread."""
    return f"{_said_by(name)}\n{_EDITED} "


def news(changes: Sequence[str]) -> str:
    """Return what the agent hears of changes in what it was given."""
    return (
        "<context-changed>\n" + "\n".join(quoted(change) for change in changes) + "\n</context-changed>"
        if changes
        else ""
    )


def said(inputs: Sequence[Input]) -> str:
    """Return what was said since: words to act on first, the rest of the conversation as data."""
    parts = []
    heard = [entry for entry in inputs if not entry.turn]
    if heard:
        lines = "\n".join(_message(entry) for entry in heard)
        parts.append(
            f'<conversation untrusted="yes">\nAlso said in the thread meanwhile, for your information:\n{lines}\n</conversation>'
        )
    parts += [
        f"{_said_by(entry.author)}\n{quoted(entry.text)}{_files(entry)}\n</said>"
        for entry in inputs
        if entry.turn
    ]
    return "\n\n".join(parts)


def _said_by(name: str) -> str:
    return f'<said by="{attribute(name)}">'


def _message(entry: Input) -> str:
    return f'<message by="{attribute(entry.author)}" at="{entry.at:%Y-%m-%d %H:%M} UTC">{quoted(entry.text)}{_files(entry)}</message>'


def _files(entry: Input) -> str:
    return "".join(attached(files.path(file)) for file in entry.files)


def attached(place: str) -> str:
    """Return the mark of a file that came with a message."""
    return f'<file path="{attribute(place)}"/>'


def before_answer(inputs: Sequence[Input]) -> str:
    """Return what the agent hears when people said something while it worked, before its answer is posted."""
    return (
        "Before your answer is posted: people said more in the thread while you worked. Take it into account, then give your answer "
        "(whole, it replaces the one you just gave).\n\n" + said(inputs)
    )


def interrupted(loop: Loop, turn: Turn, decided: Sequence[Ask], inputs: Sequence[Input]) -> str:
    """Return what the agent hears after its turn was interrupted by a restart of the bridge."""
    parts = [
        (
            "Your turn was interrupted by a restart of the machine you work on. The workdir is as your calls left it. Look at its state "
            "first, do not repeat what is done, then carry on."
        )
    ]
    done = [call for call in turn.calls if call.state in ("ended", "failed")]
    if done:
        parts.append("Done before the interruption:\n" + "\n".join(f"- {_call(call)}" for call in done[-20:]))
    lost = [call for call in turn.calls if call.state == "unknown"]
    if lost:
        parts.append(
            "Started, outcome unknown (check before doing it again):\n"
            + "\n".join(f"- {_call(call)}" for call in lost)
        )
    parts += [_decision(ask) for ask in decided]
    parts.append(turn.prompt if not loop.session else "")
    if inputs:
        parts.append(said(inputs))
    return "\n\n".join(part for part in parts if part)


def again(turn: Turn, why: str, inputs: Sequence[Input], *, fresh: bool) -> str:
    """Return the prompt of a retry."""
    parts = [f"The last try was interrupted: {why} Look at the state of the workdir, then carry on."]
    if fresh:
        parts.append(turn.prompt)
    if inputs:
        parts.append(said(inputs))
    return "\n\n".join(parts)


def _call(call: Call) -> str:
    return f"{call.tool} {html.escape(wording.line(call.input, 300), quote=False)}" + (
        f" ({wording.line(call.note, 80)})" if call.note else ""
    )


def _decision(ask: Ask) -> str:
    if ask.kind == "question" and ask.state == "allowed":
        given = zip(questions.read(ask.input), ask.answers, strict=True)
        answers = "\n".join(f"- {quoted(question.text)} {quoted(answer)}" for question, answer in given)
        return f"You had asked, and {attribute(ask.decider)} answered:\n{answers}"
    if ask.kind == "plan" and ask.state == "allowed":
        return f"Your plan was approved by {attribute(ask.decider)}. Go by it:\n{quoted(planning.plan_of(ask.input))}"
    what = f"{ask.tool} {html.escape(wording.line(ask.updated_input or ask.input, 2000), quote=False)}"
    if ask.state == "allowed":
        return f"You had asked to use {what}. It was allowed and has not run yet: call it again exactly so if you still need it."
    return f"You had asked to use {what}. {refusal(ask)}"


def refusal(ask: Ask) -> str:
    """Return what the agent is told of an ask that was not allowed: a no and a silence are not the same."""
    because = f" because: {wording.line(ask.reason, 1000)}" if ask.reason else "."
    if ask.kind != "approval" and ask.state in ("expired", "denied"):
        return _unanswered(ask, because)
    if ask.state == "expired":
        return "Nobody decided in time. That is not a no: go on without it if you can, or say what you need it for."
    if ask.state == "withdrawn":
        return "The turn was stopped before anybody decided."
    return f"{wording.line(ask.decider, 60)} denied it{because}"


def _unanswered(ask: Ask, because: str) -> str:
    who = wording.line(ask.decider, 60)
    if ask.kind == "plan":
        if ask.state == "expired":
            return "Nobody decided on the plan in time. That is not a no, but nothing is approved: stop here and say what you would do."
        wanted = f": {wording.line(ask.reason, 4000)}" if ask.reason else ", and did not say which."
        return f"{who} wants changes to the plan{wanted}\nChange the plan, then hand it in again."
    if ask.state == "expired":
        return (
            "Nobody answered in time. That is no answer: decide yourself where that is safe and say what you decided, or "
            "say what you need to know."
        )
    return f"{who} does not want to answer{because}"
