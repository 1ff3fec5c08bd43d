"""`loopbridge forget`: a person or a thread taken out of everything the bridge keeps. Owns: main, Forgetter. Imports: adapters, core, bridge. Effects: database, journal, loops' folders.

First the journal's newest commit, then the database, then the folders: cut off in between, the same command does the rest.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from adapters.git.journal import GitJournal
from adapters.git.layer import Layer
from adapters.store import forgetting, opening
from adapters.store.store import SqlStore
from bridge import origins
from bridge.clock import SystemClock
from bridge.home import Home
from bridge.journalling import MOST_NODES, Journalling
from bridge.staying import SHOWN, Staying, dropped, works_on
from config import settings as configuration
from config.settings import Settings
from core import forget_records, graph, ids, journal, wording
from core.errors import BadInput, Refused
from core.forget import Scope
from core.loop import Loop
from core.people import Member
from core.ports import Clock
from core.proposals import Proposal
from core.redact import Redactor


async def main(settings: Settings, what: str, *, yes: bool) -> int:
    """Say what would be forgotten; with `yes`, forget it. Print what is kept elsewhere, and why."""
    home, clock = Home(settings.home), SystemClock()
    url = settings.database.url.get_secret_value() or home.database_url
    async with SqlStore(url, clock=clock) as store:
        repo = GitJournal(
            home.layer("journal"),
            clock=clock,
            remote=settings.journal.remote,
            grants=origins.grants(settings),
        )
        secrets = (*configuration.secrets(settings), await store.kept("secret") or "")
        forgetter = Forgetter(
            store=store,
            repo=repo,
            clock=clock,
            loops=home.loops,
            clean=Redactor(secrets),
            layer=partial(origins.layer, settings, clock=clock),
            remote=bool(settings.journal.remote),
        )
        plan = await forgetter.plan(what)
        sys.stdout.write(plan.said() + "\n")
        if not yes:
            sys.stdout.write("\nNothing was changed. To forget all of it, run this again with --yes.\n")
            return 0
        await forgetter.forget(plan)
    await asyncio.to_thread(forgetting.compact, opening.path_of(url))
    sys.stdout.write("\nForgotten.\n")
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be forgotten, and what stays where nothing is rewritten in silence."""

    title: str
    scope: Scope
    loops: tuple[Loop, ...]
    given: tuple[Loop, ...] = ()  # others, whose capsules held it
    drafts: tuple[Proposal, ...] = ()
    held: tuple[str, ...] = ()

    def said(self) -> str:
        """Return the preview as lines."""
        scope = self.scope
        messages = [key for key in scope.emptied | scope.gone if key.startswith("message:")]
        files = [key for key in scope.emptied | scope.gone if key.startswith("file:")]
        parts = [wording.count(len(messages), "message"), wording.count(len(files), "file")]
        if scope.lanes:
            parts += [
                wording.count(len(self.loops), "loop"),
                f"{wording.count(len(scope.gone), 'node')} of the graph in all",
            ]
        else:
            parts += [
                wording.count(len(scope.begun), "loop's task", "loops' tasks"),
                wording.count(
                    len(scope.decided), "decision's name and reason", "decisions' names and reasons"
                ),
                wording.count(len(scope.wordless), "prompt") + " that carried the words",
                wording.count(len(scope.identities), "account"),
            ]
        gone = [draft for draft in self.drafts if dropped(scope, draft)]
        parts += [f"{wording.count(len(gone), 'draft')} of proposals that nobody merged"] if gone else []
        lines = [f"{self.title}:", *(f"  {part}" for part in parts), "", "What stays, and why:"]
        return "\n".join([*lines, *(f"  {line}" for line in self.held)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgetter:
    """Plans and forgets. `loops` holds the loops' folders; no bridge may run meanwhile (the open store sees to that)."""

    store: SqlStore
    repo: GitJournal
    clock: Clock
    loops: Path
    clean: Redactor
    layer: Callable[[str], Layer]  # by its name
    remote: bool = False

    async def plan(self, what: str) -> Plan:
        """Return what would be forgotten. Raises BadInput for what is not known, Refused while something is under way."""
        if await self.store.ledger.busy():
            raise Refused(
                "Some events are not handled yet; nothing was changed.",
                remedy="Start the bridge, wait until it is idle, stop it and run this again.",
            )
        # What waits is journalled as at any stop: the lines are changed where they are, and what is said of the history is true.
        await Journalling(
            ledger=self.store.ledger,
            journal=self.repo,
            clock=self.clock,
            every=1.0,
            clean=self.clean.text,
        ).drain()
        at = self.clock.now().isoformat()
        title, scope = await self._person(what, at) or await self._thread(what, at)
        loops, given = [await self._loops(keys) for keys in (scope.loops, scope.given - scope.loops)]
        busy = [loop.handle for loop in (*loops, *given) if loop.busy and loop.live]
        if busy:
            raise Refused(
                f"{wording.count(len(busy), 'loop')} ({', '.join(busy[:SHOWN])}) is at work in what is to be forgotten; nothing was changed.",
                remedy="Start the bridge, write `/loop stop` there, stop the bridge and run this again.",
            )
        drafts = tuple(await self.store.ledger.drafts(scope))
        staying = Staying(store=self.store, repo=self.repo, home=self.loops.parent, remote=self.remote)
        held = await staying.held(scope, loops, given, drafts)
        return Plan(title=title, scope=scope, loops=loops, given=given, drafts=drafts, held=tuple(held))

    async def _loops(self, keys: Iterable[str]) -> tuple[Loop, ...]:
        found = [await self.store.loop(ids.LoopId(key)) for key in sorted(keys)]
        return tuple(loop for loop in found if loop is not None)

    async def forget(self, plan: Plan) -> None:
        """Forget: in the journal's newest commit, in the database, in the loops' folders."""
        scope, ledger = plan.scope, self.store.ledger
        loops, people = await ledger.rehearsed(scope)
        known = [journal.loop_file(key) for key in sorted(scope.loops)]
        files = {journal.loop_file(key): self.clean.text(text) for key, text in loops.items()}
        files = {path: text for path, text in files.items() if path in known}
        files[journal.PEOPLE] = self.clean.text(people)
        await self.repo.rewrite("Forget, as asked", partial(forget_records.line, scope), files, known)
        for draft in plan.drafts:
            if dropped(scope, draft):
                await self.layer(draft.layer).drop(draft.branch, draft.tip)
        await ledger.purge(scope)
        tip = await self.repo.tip()
        if digest := await ledger.digest(tip.seq, most=MOST_NODES):
            await self.repo.noted(digest)
        await asyncio.to_thread(self._folders, plan)
        if self.remote:
            await self.repo.push()

    def _folders(self, plan: Plan) -> None:
        for loop in (*plan.loops, *plan.given):
            folder = self.loops / loop.id
            if loop.thread in plan.scope.lanes:
                shutil.rmtree(folder, ignore_errors=True)
            elif not works_on(plan.scope, loop):
                for name in ("capsule", "inbox", "home"):
                    shutil.rmtree(folder / name, ignore_errors=True)

    # ── who or what ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def _person(self, what: str, at: str) -> tuple[str, Scope] | None:
        people = await self.store.people()
        wanted = what.strip().lstrip("@").lower()
        found = [
            member
            for member in people.members.values()
            if wanted in (member.id, member.name.lower())
            or any(key.lower() == wanted for key in people.addresses(member.id))
        ]
        if len(found) > 1:
            accounts = "; ".join(", ".join(people.addresses(member.id)) for member in found)
            raise BadInput(
                f"{len(found)} people are called “{what}”.", remedy=f"Name one of their accounts: {accounts}."
            )
        if found:
            return await self._scope(found[0], people.addresses(found[0].id), at)
        if await self.store.nodes([graph.person(ids.IdentityKey(what.strip()))]):
            return await self._scope(None, (ids.IdentityKey(what.strip()),), at)
        return None

    async def _scope(
        self, member: Member | None, accounts: Sequence[ids.IdentityKey], at: str
    ) -> tuple[str, Scope]:
        # Seeded with a secret: from what is left nobody can work out whose it was by trying accounts.
        seed = await self.store.kept("secret") or ids.new_id()
        after: dict[str, str] = {
            key: f"person:forgotten/{ids.derived('forgotten', seed, key)[:12]}" for key in accounts
        }
        nodes = await self.store.nodes([graph.person(key) for key in accounts])
        names = {node.text for node in nodes if node.text} | ({member.name} if member else set())
        scope = await self.store.ledger.person(
            after, members=(member.id,) if member else (), names=sorted(names), at=at
        )
        who = ", ".join(sorted(names)) or "Somebody"
        return f"{who} ({', '.join(accounts)})", scope

    async def _thread(self, what: str, at: str) -> tuple[str, Scope]:
        words = what.strip()
        loops = await self.store.find_loop(words.lstrip("#").lower()) if len(words) >= 4 else ()
        lane = loops[0].thread if len(loops) == 1 else await self.repo.lane_of(words)
        if await self.store.nodes([graph.thread(ids.ThreadKey(words))]):
            lane = words
        if lane is None:
            raise BadInput(
                f"Nobody and nothing here is called “{wording.line(words, 100)}”; nothing was changed.",
                remedy="Give a person's name or account (platform:workspace/user), or a thread's key, a permalink into it, or a loop's id.",
            )
        return f"The thread {lane}", await self.store.ledger.thread(lane, at=at)
