"""`loopbridge forget`: a person or a thread taken out of everything the bridge keeps. Owns: main, Forgetter. Imports: adapters, core, bridge. Effects: database, journal, loops' folders.

First the journal's newest commit, then the database, then the folders: cut off in between, the same command does the rest.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from adapters.git.journal import GitJournal
from adapters.store import forgetting, opening
from adapters.store.store import SqlStore
from bridge import origins
from bridge.clock import SystemClock
from bridge.home import Home
from bridge.journalling import MOST_NODES, Journalling
from config import settings as configuration
from config.settings import Settings
from core import graph, ids, journal, layers, wording
from core.errors import BadInput, Refused
from core.forget import Scope
from core.loop import Loop
from core.people import Member
from core.ports import Clock
from core.redact import Redactor

SHOWN = 10


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
    held: tuple[str, ...]

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
        loops = tuple(
            [loop for key in sorted(scope.loops) if (loop := await self.store.loop(ids.LoopId(key)))]
        )
        busy = [loop.handle for loop in loops if loop.busy and loop.live]
        if busy:
            raise Refused(
                f"{wording.count(len(busy), 'loop')} ({', '.join(busy[:SHOWN])}) is at work in what is to be forgotten; nothing was changed.",
                remedy="Start the bridge, write `/loop stop` there, stop the bridge and run this again.",
            )
        return Plan(title=title, scope=scope, loops=loops, held=tuple(await self._held(scope, loops)))

    async def forget(self, plan: Plan) -> None:
        """Forget: in the journal's newest commit, in the database, in the loops' folders."""
        scope, ledger = plan.scope, self.store.ledger
        loops, people = await ledger.rehearsed(scope)
        known = [journal.loop_file(key) for key in sorted(scope.loops)]
        files = {journal.loop_file(key): self.clean.text(text) for key, text in loops.items()}
        files = {path: text for path, text in files.items() if path in known}
        files[journal.PEOPLE] = self.clean.text(people)
        await self.repo.rewrite("Forget, as asked", scope.line, files, known)
        await ledger.purge(scope)
        tip = await self.repo.tip()
        if digest := await ledger.digest(tip.seq, most=MOST_NODES):
            await self.repo.noted(digest)
        await asyncio.to_thread(self._folders, plan)
        if self.remote:
            await self.repo.push()

    def _folders(self, plan: Plan) -> None:
        for loop in plan.loops:
            folder = self.loops / loop.id
            if loop.thread in plan.scope.lanes:
                shutil.rmtree(folder, ignore_errors=True)
            elif not loop.live or loop.driver_identity in plan.scope.identities:
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

    # ── what stays ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _held(self, scope: Scope, loops: Sequence[Loop]) -> list[str]:
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
        made, found = await self.store.ledger.outside(scope)
        distilled = [key for key in found if not key.startswith("memory:")]
        if made:
            shown = ", ".join(key.partition(":")[2][:60] for key in made[:SHOWN])
            held.append(
                f"{wording.count(len(made), 'commit')} in repositories ({shown}{', …' if len(made) > SHOWN else ''}): work that landed is the team's, and a branch is named after its task's first words."
            )
        if distilled:
            shown = ", ".join(key[:60] for key in distilled[:SHOWN])
            held.append(
                f"{wording.count(len(distilled), 'page or claim', 'pages or claims')} distilled from it ({shown}): knowledge changes only by a person's merge."
            )
        held += await asyncio.to_thread(self._remembered, scope, found)
        live = [
            loop.handle
            for loop in loops
            if loop.live and loop.thread not in scope.lanes and loop.driver_identity not in scope.identities
        ]
        if live:
            held.append(
                f"The folders of live loops ({', '.join(live[:SHOWN])}): they work with what they were given; `/loop archive`, then this command again."
            )
        if not scope.lanes:
            held.append("What others wrote, also where it names the person: their words are theirs.")
        held.append(
            "The chat platform's own copy, backups, and what models were sent: not the bridge's to delete."
        )
        return held

    def _remembered(self, scope: Scope, found: Sequence[str]) -> list[str]:
        """Return what memory holds: facts in the team's notes, and members' own layers."""
        known = sorted(key for key in {*found, *scope.emptied} if key.startswith("memory:"))
        facts = [key for key in known if layers.owner(key.partition(":")[2]) is None]
        held = []
        if facts:
            shown = ", ".join(f"m{key.rpartition('/')[2]}" for key in facts[:SHOWN])
            held.append(
                f"{wording.count(len(facts), 'fact')} in the team's notes ({shown}): `/loop forget <handle>` takes each out of them."
            )
        if len(known) > len(facts):
            others = wording.count(len(known) - len(facts), "fact")
            held.append(f"{others} in other members' own layers: theirs to take out.")
        return held + [
            f"Their own layer, {layers.personal(ids.MemberId(member))}.git: delete that folder, and what it is pushed to."
            for member in sorted(scope.members)
            if (self.loops.parent / f"{layers.personal(ids.MemberId(member))}.git").is_dir()
        ]
