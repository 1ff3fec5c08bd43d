"""How work in a layer's clone reaches everybody. Owns: the word `promote`, and what follows from its events. Imports: core. Effects: none."""

from __future__ import annotations

from core import graph, landing, layers, prompts, proposalcards, reports, wording
from core.commands import Command
from core.effects import Promote
from core.errors import BadInput
from core.events import NotPromoted, Posted, Promoted, PromoteWanted
from core.ids import LoopId, MemberId, TurnId, derived
from core.loop import Input
from core.people import Member
from core.step import consenting, driving, turns
from core.step.draft import Draft

NAMES = (*layers.TEAM, "personal")


def promote(draft: Draft, event: Posted, member: Member, command: Command) -> None:
    """Bring what the loop wrote into its layers to everybody. Raises BadInput when it cannot be now."""
    loop = driving.driven(draft, member)
    name, _, summary = command.rest.strip().partition(" ")
    if name == "repo":
        _about_repo(draft)
        return
    if loop.busy:
        raise BadInput("The loop is at work.", remedy="Ask it to promote, or promote once it is finished.")
    if not loop.prepared or not loop.live:
        raise BadInput(
            f"Loop #{loop.handle} has no clones to promote from: it is {loop.status}.",
            remedy="Wait until its workdir is made."
            if loop.live
            else "`/loop <task>` starts a new one in this thread.",
        )
    names = layers.of(own(draft))
    chosen = tuple(known for known in names if name in ("", layers.folder(known)))
    if not chosen:
        raise BadInput(
            f"This loop has no {wording.line(name, 30)} of its own any more: somebody else drives it now."
            if name == "personal"
            else f"There is no layer {wording.code(name, 30)}.",
            remedy="`/loop promote notes`, `knowledge`, `personal` or `repo`.",
        )
    draft.effects.append(
        Promote(
            key=draft.key("promote"), lane=draft.lane, loop=loop.id, turn=loop.turn.id if loop.turn else None,
            request=derived("promote", event.dedup), layers=chosen, summary=wording.line(summary or loop.title, 120),
        )
    )  # fmt: skip


def _about_repo(draft: Draft) -> None:
    loop = draft.has()
    if not loop.repo:
        raise BadInput(
            "This loop works on no repository.", remedy="`/loop promote notes`, `knowledge` or `personal`."
        )
    where = (
        f"Its commits up to {wording.code(loop.base[:7])} are at the origin of {wording.code(loop.repo, 40)}, on branch {wording.code(loop.branch, 80)}; each turn brings new ones there."
        if loop.base != loop.first_base
        else f"None of its commits has landed yet. They land on branch {wording.code(loop.branch, 80)} at the end of each turn."
    )
    waits = consenting.waiting(draft)
    draft.say(reports.note(f"{where} {landing.still(waits)}" if waits else where), what="promote-repo")


def own(draft: Draft) -> MemberId | None:
    """Return whose own layer the loop may promote: nobody's once another member drives it."""
    loop = draft.has()
    return loop.personal if loop.personal == draft.driver() else None


def wanted(draft: Draft, event: PromoteWanted) -> None:
    """The agent wants to promote; the tool waits for what comes of it."""
    if draft.loop is None or draft.loop.id != event.loop:
        return
    draft.effects.append(
        Promote(
            key=f"promote:{event.request}", lane=draft.lane, loop=event.loop, turn=event.turn, request=event.request,
            layers=(event.layer,), summary=event.summary,
        )
    )  # fmt: skip


def promoted(draft: Draft, event: Promoted) -> None:
    """Work landed: note what it touches, and tell it with the turn's answer, or at once when no turn is under way."""
    if not layers.owner(event.layer):
        note(draft, event.loop, event.turn, event.layer, event.tip, event.summary, event.files)
    tell(draft, event.loop, event.turn, proposalcards.landed(event))


def not_promoted(draft: Draft, event: NotPromoted) -> None:
    """Nothing landed. An agent heard it from its tool; where a person asked, they hear it here, and a conflict becomes a turn."""
    loop = draft.loop
    if loop is None or loop.id != event.loop or loop.busy:
        return
    draft.say(reports.note(proposalcards.not_landed(event)), what=f"not-promoted:{event.layer}")
    if event.why == "conflict" and loop.live:
        words = prompts.conflict(layers.folder(event.layer), event.files)
        ask(draft, words, message=event.request, author=loop.driver_name)


def note(
    draft: Draft, loop: LoopId, turn: TurnId | None, layer: str, sha: str, subject: str, files: tuple[tuple[str, int, int], ...]
) -> str:  # fmt: skip
    """Put a commit of a layer into the graph: who made it, which pages it touches; return its key."""
    key = draft.node(graph.commit(layer, sha), "commit", subject, sha=sha, branch="main", layer=layer)
    draft.edge(graph.turn(turn) if turn else graph.loop(loop), "produced", key)
    for name, _, _ in files:
        draft.edge(key, "touches", graph.page(layer, name))
    return key


def tell(draft: Draft, loop: LoopId, turn: TurnId | None, line: str) -> None:
    """Tell a line with the answer of the turn it belongs to, or at once."""
    if draft.loop is not None and draft.loop.id == loop and draft.loop.busy and draft.turn().id == turn:
        draft.turn(told=(*draft.turn().told, line))
    else:
        draft.say(reports.note(line), what="promoted")


def ask(draft: Draft, words: str, *, message: str, author: str) -> None:
    """Give the loop something to do, as if it had been said."""
    loop = draft.has()
    entry = Input(message=message, author=author, text=words, at=draft.at, turn=True)
    draft.now(inputs=(*loop.inputs, entry), status="idle" if loop.status == "rfd" else loop.status)
    turns.next_turn(draft)
