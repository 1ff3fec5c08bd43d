"""What stays when somebody or something is forgotten, and why. Owns: Staying, dropped, works_on. Imports: adapters, core. Effects: reads the store and the journal."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from adapters.git.journal import GitJournal
from adapters.store.store import SqlStore
from core import focus, forget_records, graph, ids, journal, layers, wording
from core.forget import Scope
from core.loop import Loop
from core.proposals import Proposal

SHOWN = 10
SHORTEST = 4  # characters of a line that can be told to be somebody's


def dropped(scope: Scope, draft: Proposal) -> bool:
    """Whether a draft goes: its proposal does, or nobody decides on it any more."""
    return forget_records.proposal(scope, draft) is None or not draft.open


def works_on(scope: Scope, loop: Loop) -> bool:
    """Whether somebody else's loop goes on with the folder it has."""
    return loop.live and loop.thread not in scope.lanes and loop.driver_identity not in scope.identities


@dataclass(frozen=True, slots=True, kw_only=True)
class Staying:
    """Says what a scope does not reach. `home` is where members' own layers are; `remote`: the journal has one."""

    store: SqlStore
    repo: GitJournal
    home: Path
    remote: bool

    async def held(
        self, scope: Scope, loops: Sequence[Loop], given: Sequence[Loop], drafts: Sequence[Proposal]
    ) -> list[str]:
        """Return what stays, as lines."""
        held = await self._journal(scope, loops)
        made, found = await self.store.ledger.outside(scope)
        distilled = [key for key in found if not key.startswith("memory:")]
        if made:
            held.append(
                f"{wording.count(len(made), 'commit')} in repositories ({_some(key.partition(':')[2] for key in made)}): work that landed is the team's, and a branch is named after its task's first words."
            )
        if distilled:
            held.append(
                f"{wording.count(len(distilled), 'page or claim', 'pages or claims')} distilled from it ({_some(distilled)}): knowledge changes only by a person's merge."
            )
        held += _waiting(scope, drafts)
        held += _remembered(scope, found)
        held += await asyncio.to_thread(self._own, scope)
        if lines := await self._jotted(scope):
            held.append(
                f"{wording.count(lines, 'line')} of the team's notes ({focus.PAGE}, {focus.INBOX}): `/loop focus unpin`, or an edit of the page, takes them out."
            )
        if live := [loop.handle for loop in (*loops, *given) if works_on(scope, loop)]:
            held.append(
                f"The folders of live loops ({_some(live)}): they work with what they were given; `/loop archive` them first if that is to go, too."
            )
        if not scope.lanes:
            held.append("What others wrote, also where it names the person: their words are theirs.")
            held.append(
                "What agents did (their calls, what was asked and allowed), and what they answered to others: it says what ran here."
            )
        held.append(
            "The chat platform's own copy, backups, and what models were sent: not the bridge's to delete."
        )
        return held

    async def _journal(self, scope: Scope, loops: Sequence[Loop]) -> list[str]:
        lanes = scope.lanes | {loop.thread for loop in loops}
        lanes |= {
            key.partition(":")[2].partition("#")[0] for key in scope.emptied if key.startswith("message:")
        }
        folders = [journal.thread_folder(lane) for lane in sorted(lanes)]
        commits = await self.repo.commits(
            *folders, *(journal.loop_file(loop.id) for loop in loops), journal.PEOPLE
        )
        held = [
            f"{wording.count(commits, 'earlier commit')} of the journal: history is not rewritten unasked, because copies of it may be elsewhere.",
            "    To end it there too: stop the bridge, make a new first commit of the newest tree, and collect what is loose",
            "    (git commit-tree main^{tree}, update-ref refs/heads/main, reflog expire --expire=now --all, gc --prune=now).",
        ]
        if self.remote:
            held.append(
                "The journal's remote, in the same commits: its other clones are not the bridge's to change."
            )
        return held

    async def _jotted(self, scope: Scope) -> int:
        """Return how many pins and lines of the inbox are words of what is to be forgotten."""
        pages = [graph.page(layers.NOTES, path) for path in (focus.PAGE, focus.INBOX)]
        lines = [line for page in await self.store.nodes(pages) for line in focus.items(page.text)]
        if not lines:
            return 0
        keys = [key for key in scope.emptied | scope.gone if key.startswith("message:")]
        said = [" ".join(node.text.split()) for node in await self.store.nodes(keys)]
        return sum(len(line) >= SHORTEST and any(line in words for words in said) for line in lines)

    def _own(self, scope: Scope) -> list[str]:
        own = [layers.personal(ids.MemberId(member)) for member in sorted(scope.members)]
        return [
            f"Their own layer, {layer}.git: delete that folder, and what it is pushed to."
            for layer in own
            if (self.home / f"{layer}.git").is_dir()
        ]


def _waiting(scope: Scope, drafts: Sequence[Proposal]) -> Iterator[str]:
    """Yield the lines about drafts: those that somebody decides on yet, and what is left of those that go."""
    waiting = [draft for draft in drafts if not dropped(scope, draft)]
    if waiting:
        yield (
            f"{wording.count(len(waiting), 'draft')} of proposals that wait and rest on it ({_some(draft.handle for draft in waiting)}): their cards say"
            " that a source is gone; `/loop reject` them first if they are to go, too."
        )
    if len(waiting) < len(drafts):
        names = sorted({draft.layer for draft in drafts})
        yield (
            f"What the drafts held, as loose objects of {_some(f'{name}.git' for name in names)}, until they are collected"
            " (git gc --prune=now, while no loop works)."
        )


def _remembered(scope: Scope, found: Sequence[str]) -> Iterator[str]:
    """Yield what memory holds: facts in the team's notes, and in members' own layers."""
    known = sorted(key for key in {*found, *scope.emptied} if key.startswith("memory:"))
    facts = [key for key in known if layers.owner(key.partition(":")[2]) is None]
    if facts:
        shown = _some(f"m{key.rpartition('/')[2]}" for key in facts)
        yield f"{wording.count(len(facts), 'fact')} in the team's notes ({shown}): `/loop forget <handle>` takes each out of them."
    if len(known) > len(facts):
        others = wording.count(len(known) - len(facts), "fact")
        yield f"{others} in other members' own layers: theirs to take out."


def _some(names: Iterable[str]) -> str:
    """Return the first few names."""
    every = [name[:60] for name in names]
    return f"{', '.join(every[:SHOWN])}{', …' if len(every) > SHOWN else ''}"
