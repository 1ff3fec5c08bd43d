"""What is said of promoting. Owns: the proposal's card, its last line, lists of proposals, lines about what landed. Imports: core. Effects: none."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from core import layers, proposals, wording
from core.events import NotPromoted, Promoted
from core.ids import IdentityKey
from core.message import Attachment, Block, Button, Buttons, Code, Message, Text
from core.proposals import Proposal

SHOWN_WHOLE = 2_500  # characters of a diff; a longer one is a file
MOST_FILES = 12
MOST_CLAIMS = 8
CLOSED = "in a thread that not everybody may read"
Files = Sequence[tuple[str, int, int]]


def put(
    proposal: Proposal, diff: str, *, secret: str, notify: Sequence[IdentityKey], why: str = ""
) -> Message:
    """Return the card of an open proposal; `why` says what happened when it is not the first."""
    blocks: list[Block] = [Text(text=why)] if why else []
    if proposal.protected:
        guarded = wording.listing([wording.code(path, 80) for path in proposal.protected[:MOST_FILES]])
        blocks.append(
            Text(text=f"**It changes how agents work: {guarded}.** An admin merges it, nobody else.")
        )
    blocks.append(Text(text=_counts(proposal.files, "\n")))
    if proposal.unproven:
        lines = "\n- ".join(proposal.unproven)
        blocks.append(Text(text=f"**Unproven:**\n- {lines}"))
    blocks += _shaken(proposal)
    if len(diff) > SHOWN_WHOLE:
        blocks.append(Text(text=f"The diff has {len(diff):,} characters; it is in the file."))
        blocks.append(Attachment(name=f"proposal-{proposal.handle}.diff", content=diff))
    else:
        blocks.append(Code(text=diff, language="diff"))
    blocks += _ways(proposal, secret)
    return Message(title=_title(proposal), blocks=tuple(blocks), notify=tuple(notify))


def again(proposal: Proposal, why: str, *, secret: str) -> Message:
    """Return the card of a proposal whose merge did not come about (`why`), or whose sources changed."""
    blocks = [Text(text=text) for text in (why, _counts(proposal.files, "\n")) if text]
    return Message(title=_title(proposal), blocks=(*blocks, *_shaken(proposal), *_ways(proposal, secret)))


def doubtful(proposal: Proposal, *, by: str, secret: str) -> Message:
    """Return the card of a proposal that somebody wants to merge although messages it rests on changed."""
    blocks = (
        Text(text=f"**{wording.line(by, 40)} wants to merge it, but {_changed(proposal)}.** Nothing is merged yet."),
        Text(text="\n".join(_claims(proposal))),
        Text(text="Merged anyway, that is flagged, and the next distill looks at it again."),
        Buttons(buttons=(
            Button(label="Merge anyway", token=proposals.token(secret, proposal, "anyway"), style="primary"),
            Button(label="Look again", token=proposals.token(secret, proposal, "diff")),
            _reject(proposal, secret),
            _edit(proposal, secret),
        )),
    )  # fmt: skip
    return Message(title=_title(proposal), blocks=blocks)


def not_yet(proposal: Proposal) -> tuple[str, str]:
    """Return what whoever wanted to merge it by a command hears: what happened, and what to do."""
    return (
        f"Proposal {proposal.handle} is not merged yet: {_changed(proposal)}. Nothing was changed.",
        f"Its card says which. `/loop merge {proposal.handle} anyway` merges it all the same.",
    )


def _changed(proposal: Proposal) -> str:
    number = len(proposal.shaken)
    hows = " or ".join(sorted({each.how for each in proposal.shaken}, reverse=True))
    rests = "rests" if number == 1 else "rest"
    return f"{wording.count(number, 'claim')} {rests} on what was {hows} since it was written"


def _shaken(proposal: Proposal) -> tuple[Block, ...]:
    """Return which claims rest on messages that changed, before anybody merges them."""
    if not proposal.shaken:
        return ()
    return (Text(text="**Look again:**\n" + "\n".join(_claims(proposal))),)


def _claims(proposal: Proposal) -> list[str]:
    shaken = proposal.shaken
    lines = [
        f"- {wording.code(each.path, 80)}: {_quoted(each.text)}; its source was {each.how} since"
        for each in shaken[:MOST_CLAIMS]
    ]
    if len(shaken) > MOST_CLAIMS:
        lines.append(f"- and {wording.count(len(shaken) - MOST_CLAIMS, 'more claim')}")
    return lines


def _quoted(text: str) -> str:
    """Return a claim as it is shown; of one whose source was forgotten, the diff alone has the words."""
    return f"“{wording.line(text, 120)}”" if text else "a claim in the diff"


def flagged(proposal: Proposal) -> str:
    """Return the sentence about merged claims whose source had changed, with a space before it, if there are any."""
    number = len(proposal.shaken)
    if not number:
        return ""
    rests = "rests" if number == 1 else "rest"
    return f" {wording.count(number, 'claim')} {rests} on what was edited or deleted since; the next distill looks at that again."


def _ways(proposal: Proposal, secret: str) -> tuple[Block, ...]:
    said = Text(
        text=f"proposal {proposal.handle} · by {wording.line(proposal.by_name, 40)}’s loop · `/loop merge {proposal.handle}`, "
        f"`/loop reject {proposal.handle} because …` from any thread"
    )
    buttons = Buttons(buttons=(
        Button(label="Merge", token=proposals.token(secret, proposal, "merge"), style="primary"),
        _reject(proposal, secret),
        _edit(proposal, secret),
        Button(label="Diff", token=proposals.token(secret, proposal, "diff")),
    ))  # fmt: skip
    return (said, buttons)


def _reject(proposal: Proposal, secret: str) -> Button:
    return Button(
        label="Reject…", token=proposals.token(secret, proposal, "reject"), style="danger", wants_text="Why not? (it is kept with the proposal)"
    )  # fmt: skip


def _edit(proposal: Proposal, secret: str) -> Button:
    token = proposals.token(secret, proposal, "edit")
    return Button(label="Edit by the loop…", token=token, wants_text="What should be different?")


def stale(proposal: Proposal, files: Sequence[str], *, secret: str) -> Message:
    """Return the card of a proposal that conflicts with what others merged."""
    edit = Button(
        label="Edit by the loop…", token=proposals.token(secret, proposal, "edit"), wants_text="What should be different?",
        draft="Merge what others changed, and promote again.",
    )  # fmt: skip
    reject = Button(
        label="Reject…",
        token=proposals.token(secret, proposal, "reject"),
        style="danger",
        wants_text="Why not?",
    )
    words = (
        f"It was not merged: others have changed the same places of {wording.listing([wording.code(file, 80) for file in files[:8]])} "
        "since. Its branch is kept. Let the loop merge that and promote again."
    )
    return Message(title=_title(proposal), blocks=(Text(text=words), Buttons(buttons=(edit, reject))))


def settled(proposal: Proposal) -> Message:
    """Return the one line a proposal's card ends as."""
    when = f", {proposal.decided_at:%H:%M} UTC" if proposal.decided_at else ""
    by = f"by {wording.line(proposal.decider, 40)}{when}"
    words = {
        "merging": f"… being merged {by}",
        "merged": f"✓ merged {by} · commit {wording.code(proposal.commit[:7])}"
        + (
            f" · {wording.count(len(proposal.shaken), 'claim')} flagged: a source changed"
            if proposal.shaken
            else ""
        ),
        "rejected": f"✗ rejected {by} · branch {wording.code(proposal.branch)} is kept",
    }.get(proposal.state, proposal.state)
    reason = f" · because {wording.line(proposal.reason, 200)}" if proposal.reason else ""
    return Message(blocks=(Text(text=f"{words} · {_name(proposal)}{reason}"),))


def superseded(proposal: Proposal) -> Message:
    """Return what the card of an earlier round says."""
    return Message(blocks=(Text(text=f"– renewed below · {_name(proposal)}"),))


def late(proposal: Proposal) -> str:
    """Return what is said of a draft that came after the proposal was decided on."""
    return (
        f"A newer draft of proposal {proposal.handle} came after it was {proposal.state} by {wording.line(proposal.decider, 40)}. "
        "It is in the loop’s clone, and was not proposed. Promote again to propose it anew."
    )


def listed(known: Sequence[Proposal], *, titled: Collection[str], at: datetime) -> Message:
    """Return the open proposals of all threads; those that are not `titled` (by id) were made where not everybody here may read."""
    if not known:
        return Message(blocks=(Text(text="No proposal waits."),))
    lines = [
        f"- **{one.handle}** {_told(one) if one.id in titled else CLOSED} · {wording.line(one.by_name, 40)} · "
        f"{'conflicts with main' if one.state == 'stale' else f'waits for {wording.duration((at - one.proposed_at).total_seconds())}'}"
        for one in known[:30]
    ]
    more = [f"and {wording.count(len(known) - 30, 'more')}"] if len(known) > 30 else []
    hint = "`/loop merge <id>` or `/loop reject <id> because …`, from any thread."
    return Message(title="Open proposals", blocks=(Text(text="\n".join([*lines, *more])), Text(text=hint)))


def _told(proposal: Proposal) -> str:
    return f"{_name(proposal)} · {_counts(proposal.files, ', ')}"


def diff(proposal: Proposal, text: str) -> Message:
    """Return a proposal's diff."""
    if len(text) > SHOWN_WHOLE:
        return Message(
            title=_title(proposal),
            blocks=(Attachment(name=f"proposal-{proposal.handle}.diff", content=text),),
        )
    return Message(
        title=_title(proposal), blocks=(Code(text=text or "Nothing differs any more.", language="diff"),)
    )


def landed(event: Promoted) -> str:
    """Return the line about what landed. Of somebody's own layer it tells the number of files, and no more."""
    if layers.owner(event.layer):
        return f"Promoted {wording.count(len(event.files), 'file')} to your own notes."
    return f"Promoted to {layers.folder(event.layer)}: {_counts(event.files, ', ')} · commit {wording.code(event.tip[:7])}"


def not_landed(event: NotPromoted) -> str:
    """Return the line about what did not land."""
    name = layers.folder(event.layer) or "its layers"
    if event.why == "nothing":
        return f"Nothing in {name} is new: everything the loop wrote there is on main already."
    if event.why == "conflict":
        where = wording.listing([wording.code(file, 80) for file in event.files[:8]])
        return f"Promoting {name} met changes of others in {where}. Both are kept in the loop’s clone; the loop puts them together."
    return f"{name.capitalize()} was not promoted: {wording.line(event.what.rstrip('.'), 400)}. {wording.line(event.remedy, 300)}".strip()


def _title(proposal: Proposal) -> str:
    again = f", round {proposal.round}" if proposal.round > 1 else ""
    return f"{layers.folder(proposal.layer).capitalize()}: {wording.line(proposal.title, 120)} (proposal {proposal.handle}{again})"


def _name(proposal: Proposal) -> str:
    return f"{layers.folder(proposal.layer)}: {wording.line(proposal.title, 80)}"


def _counts(files: Files, between: str) -> str:
    shown = [f"{wording.code(path, 80)} +{plus} −{minus}" for path, plus, minus in files[:MOST_FILES]]
    more = [f"and {wording.count(len(files) - MOST_FILES, 'more file')}"] if len(files) > MOST_FILES else []
    return between.join([*shown, *more])
