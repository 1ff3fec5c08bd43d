"""What somebody wrote: a command, a turn, or context. Owns: posted. Imports: core. Effects: none."""

from __future__ import annotations

import re

from core import asks, commands, people, wording
from core.commands import Command
from core.errors import BadInput
from core.events import Posted
from core.people import Member
from core.step import admission, decisions, driving, following, holding, messages, orders, turns
from core.step.draft import Draft

MAX_INPUTS = 200
TYPED = re.compile(
    r"^\s*(approve|deny|edit|answer)\s+#?([0-9a-f]{3,32})\b[ \t]*(.*)$", re.IGNORECASE | re.DOTALL
)

# Words that can hardly be talk: a verb and a handle alone, or with a reason.
MEANT = re.compile(
    r"^\s*(?:approve|deny)\s+#?((?=[a-z]*[0-9])[0-9a-z]{3,6})\s*(?:because\b.*)?$", re.IGNORECASE | re.DOTALL
)


def posted(draft: Draft, event: Posted) -> None:
    """Take a message: it always becomes context; whether it is more depends on who says what to whom."""
    messages.note(draft, event)
    if event.author.bot:
        if draft.loop is not None and draft.loop.live:
            _keep(draft, event, turn=False)
        return
    if draft.desk.follows is not None:
        following.relay(draft, event)
        return
    member = admission.learn_name(draft, event.author)
    words = commands.spoken(event.text)
    if words is not None:
        _ordered(draft, event, member, words)
    elif typed := _typed(draft, event.text):
        decisions.typed(draft, event, member, *typed)
    elif member is not None and (handle := _mistyped(draft, event.text)):
        waiting = wording.listing([f"`{ask.handle}`" for ask in draft.open_asks()])
        draft.tell(
            event.author.identity, f"There is no ask `{handle}` in this thread.", f"Waiting here: {waiting}."
        )
    elif draft.loop is not None and (draft.loop.live or (draft.loop.resting and member is not None)):
        _said_to_loop(draft, event, member)
    elif event.addressed:
        _ordered(draft, event, member, event.text)


def _ordered(draft: Draft, event: Posted, member: Member | None, words: str) -> None:
    try:
        orders.obey(draft, event, member, _command(draft, member, words))
    except BadInput as refusal:
        draft.tell(event.author.identity, str(refusal), refusal.remedy)


def _command(draft: Draft, member: Member | None, words: str) -> Command:
    """Parse a command. Raises BadInput: whoever may order nothing hears that, and no grammar."""
    try:
        return commands.parse(words)
    except BadInput:
        if member is None:
            raise admission.stranger(draft) from None
        raise


def _typed(draft: Draft, text: str) -> tuple[str, str, str] | None:
    """Return (verb, handle, words) of a typed decision, when an ask has that handle."""
    match = TYPED.match(text)
    if match is None or asks.by_handle(list(draft.asks.values()), match.group(2)) is None:
        return None
    return match.group(1).lower(), match.group(2).lower(), match.group(3).strip()


def _mistyped(draft: Draft, text: str) -> str:
    """Return the handle of a yes or no that is nothing else, when asks wait here and none has it; empty otherwise."""
    match = MEANT.match(text) if draft.open_asks() else None
    return match.group(1).lower() if match else ""


def _said_to_loop(draft: Draft, event: Posted, member: Member | None) -> None:
    loop = draft.has()
    if event.addressed and _is_order(event.text):
        _ordered(draft, event, member, event.text)
        return
    if member is None:
        holding.hold(draft, event)
        return
    stops = loop.busy and event.text.strip().lower() in ("stop", "stop!", "halt")
    if not stops and _may_answer(draft, event, member) and decisions.replied(draft, event, member):
        return
    if not _is_turn(draft, event, member):
        if event.addressed:
            draft.tell(
                event.author.identity,
                "Guests can read along, but not talk to a loop.",
                admission.letting_in(draft),
            )
        _keep(draft, event, turn=False)
        return
    if stops:
        driving.stop(draft, event.author)
        return
    draft.react(event.message)
    if loop.resting:
        loop = driving.wake(draft)
    if loop.status == "failed" or loop.halted:
        turns.retry(draft, (messages.as_input(event, event.text, turn=True),))
        return
    _keep(draft, event, turn=True)
    turns.next_turn(draft)


def _is_order(text: str) -> bool:
    """Whether words addressed to the bot in a loop's thread are a subcommand rather than talk."""
    try:
        command = commands.parse(text)
    except BadInput:
        return False
    return command.word not in ("start", "")


def _may_answer(draft: Draft, event: Posted, member: Member) -> bool:
    """Whether a plain reply can be the answer to a question: the driver's, or one to the bot by whoever may decide."""
    if not people.may(member, "decide", driver=draft.driver()):
        return False
    return event.addressed or (member.id == draft.driver() and not event.mentions)


def _is_turn(draft: Draft, event: Posted, member: Member | None) -> bool:
    """Whether a message asks the loop to act: by `listen`, and never when it speaks to somebody else."""
    loop = draft.has()
    if member is None or not people.may(member, "talk"):
        return False
    if event.addressed:
        return True
    if event.mentions or loop.listen == "mention" or not (event.text.strip() or event.files):
        return False
    return loop.listen == "members" or member.id == draft.driver()


def _keep(draft: Draft, event: Posted, *, turn: bool) -> None:
    """Remember a message for the next prompt; of what is context alone, the newest are kept (the graph has all)."""
    if not event.text.strip() and not event.files and not turn:
        return
    loop = draft.has()
    entries = [*loop.inputs, messages.as_input(event, event.text, turn=turn)]
    context = [entry for entry in entries if not entry.turn]
    for surplus in context[: max(0, len(context) - MAX_INPUTS)]:
        entries.remove(surplus)
    draft.now(inputs=tuple(entries))
