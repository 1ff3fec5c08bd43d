"""What a loop could be given, out of the graph. Owns: Gathering. Imports: core. Effects: reads the store, a bounded number of rows.

From near to far: the thread, what a member added, what the thread links to and names, earlier loops of the thread, decisions that touch
the thread or the repository, pages whose claims rest on the thread, and what holds the same words. Never more than everybody in the
thread could have read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from core import asides, focus, graph, references, relevance, wording
from core.assemble import Earlier, Material
from core.audience import Sight
from core.decided import LIVE
from core.graph import Node
from core.ids import LoopId, MemberId, ThreadKey
from core.loop import Given, Loop
from core.ports import Store

THREAD_READ = 2_000  # messages looked at
SAID = 40  # newest messages whose words and links count
READ = 8_000  # characters of each
LOOPS, DECISIONS, PAGES = 3, 12, 12
KEPT = ("page", "memory", "note")
MARK = "mark"  # what a search calls decisions that people marked
INDEXES = ("/memory/README.md", "/memory/MEMORY.md")  # they repeat what the facts say


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathering:
    """Gathers the material of one loop's capsule."""

    store: Store

    async def __call__(self, loop: Loop) -> Material:
        """Return the material, the most wanted first; the same graph gives the same."""
        sight = Sight(thread=loop.thread)
        notes = [loop.thread_note] if loop.thread_note else []
        asked, loops, gone = await self._asked(loop, sight)
        notes += [f"{wording.count(gone, 'added thing')} that changed or went away since"] if gone else []
        if not loop.with_thread:
            # Asked to begin with nothing, it has nothing but what somebody put in.
            return Material(asked=asked, loops=loops, excluded=frozenset(loop.excluded), notes=notes)
        read, total = await self.store.thread_messages(loop.thread, limit=THREAD_READ)
        messages = [node for node in read if asides.said(node)]
        said = [loop.task, *(node.text[:READ] for node in messages[-SAID:])]
        linked, hidden = await self._linked(said, loop, sight)
        if hidden:
            linked_to = wording.count(hidden, "linked message or page", "linked messages or pages")
            notes.append(f"{linked_to} that not everybody here can read (`/loop context add` asks for it)")
        found = await self._found(loop, said)
        pages, own = await self._pages(messages, found, sight)
        taken_back = [node.key for node in pages if graph.flagged(node) == "deleted"]
        if taken_back:
            notes.append(f"{wording.count(len(taken_back), 'fact')} whose source was deleted")
        if own:
            notes.append(
                f"{wording.count(own, 'page')} that only {wording.line(loop.driver_name, 40)} can see"
            )
        return Material(
            messages=messages,
            total=max(total, loop.thread_size) - (len(read) - len(messages)),
            asked=asked,
            decisions=await self._decisions(loop, found, sight),
            linked=linked,
            loops=[*loops, *await self._earlier(loop)],
            pages=[node for node in pages if node.key not in taken_back],
            excluded=frozenset(loop.excluded),
            notes=notes,
        )

    async def _asked(self, loop: Loop, sight: Sight) -> tuple[list[Node], list[Earlier], int]:
        """Return what a member added, if everybody here may read it, or it is the text whose sharing was allowed."""
        nodes = {node.key: node for node in await self.store.nodes([given.key for given in loop.added])}
        open_to_all = await opened(self.store, nodes.values())
        kept = [
            nodes[given.key] for given in loop.added if _may(given, nodes.get(given.key), sight, open_to_all)
        ]
        loops = [
            await self._loop(
                LoopId(node.key.partition(":")[2]),
                whole=sight.sees(node.audience) or node.audience in open_to_all,
            )
            for node in kept
            if node.kind == "loop"
        ]
        others = [node for node in kept if node.kind != "loop"]
        return others, [one for one in loops if one is not None], len(loop.added) - len(kept)

    async def _linked(self, said: Sequence[str], loop: Loop, sight: Sight) -> tuple[list[Node], int]:
        """Return the messages and pages that are linked or named, and how many of them not everybody here could read."""
        links = references.links(said)
        found = await self.store.linked(links)
        keys = [graph_key(link) for link in links if link not in found]
        named = await self.store.nodes([*keys, *references.pages(said)])
        nodes = [
            node
            for node in (*found.values(), *named)
            if node.text and node.audience != loop.thread and (node.kind != "message" or asides.said(node))
        ]
        open_to_all = await opened(self.store, [node for node in nodes if not sight.sees(node.audience)])
        seen = [node for node in nodes if sight.sees(node.audience) or node.audience in open_to_all]
        return seen, len(nodes) - len(seen)

    async def _earlier(self, loop: Loop) -> list[Earlier]:
        desk = await self.store.desk(loop.thread)
        before = [key for key in desk.earlier if key != loop.id][-LOOPS:]
        loops = [await self._loop(key) for key in reversed(before)]
        return [one for one in loops if one is not None]

    async def _loop(self, key: LoopId, *, whole: bool = True) -> Earlier | None:
        """Return a loop as a capsule tells it; of one that was shared, what was shown when it was: its task."""
        known = await self.store.loop(key)
        found = await self.store.nodes([graph.loop(key)])
        if known is None or not found:
            return None
        if not whole:
            return Earlier(node=found[0], title=known.title, status=known.status)
        commits = [
            commit.props.get("sha", commit.key.partition("@")[2])[:7]
            for turn in await self.store.out_of(graph.loop(key), "ran", limit=20)
            for commit in await self.store.out_of(turn.key, "produced", limit=8)
        ]
        answer = known.turn.answer if known.turn else ""
        return Earlier(
            node=found[0], title=known.title, status=known.status, answer=answer, commits=tuple(commits)
        )

    async def _found(self, loop: Loop, said: Sequence[str]) -> Sequence[Node]:
        """Return what holds the same words, the driver's own included: that much is said of it that it was left out."""
        words = relevance.query(loop.task, said[1:], [loop.repo] if loop.repo else [])
        both = Sight(thread=loop.thread, member=MemberId(loop.driver))
        return await self.store.search(words, sight=both, kinds=(*KEPT, MARK), limit=PAGES + DECISIONS)

    async def _decisions(self, loop: Loop, found: Sequence[Node], sight: Sight) -> list[Node]:
        """Return the live decisions: those of the thread, of the repository, and such as hold the same words."""
        near = list(await self.store.onto(graph.thread(loop.thread), "touches", limit=DECISIONS))
        if loop.repo:
            near += await self.store.onto(graph.repo(loop.repo), "touches", limit=DECISIONS)
        live = [
            node
            for node in (*near, *found)
            if node.kind == "decision" and node.text and node.props.get("status") == LIVE
        ]
        return _once(node for node in live if sight.sees(node.audience))

    async def _pages(
        self, messages: Sequence[Node], found: Sequence[Node], sight: Sight
    ) -> tuple[list[Node], int]:
        """Return pages: those that rest on this thread first, then by words; and how many of the driver's own fit as well."""
        claims = await self.store.distilled([node.key for node in messages])
        rest = {_page_of(claim.key) for claim in claims if claim.kind == "claim" and claim.text}
        pages = [
            node
            for node in (*await self.store.nodes(sorted(rest)), *found)
            if node.kind in KEPT and node.text and not node.key.endswith(INDEXES)
        ]
        seen = _once(node for node in pages if sight.sees(node.audience))
        return seen, len({node.key for node in pages if not sight.sees(node.audience)})


async def opened(store: Store, nodes: Iterable[Node]) -> AbstractSet[str]:
    """Return those audiences of nodes that are threads in rooms which every member may enter."""
    threads = {graph.thread(ThreadKey(node.audience)): node.audience for node in nodes}
    found = await store.nodes(list(threads))
    return {threads[node.key] for node in found if node.props.get("room") == focus.OPEN}


def graph_key(link: str) -> str:
    """Return the node of a message that is named by its own key."""
    return f"message:{link}"


def digest(text: str) -> str:
    """Return the SHA-256 (hex) of a source's text: what is allowed is bound to it."""
    return hashlib.sha256(text.encode()).hexdigest()


def _may(given: Given, node: Node | None, sight: Sight, open_to_all: AbstractSet[str]) -> bool:
    if node is None or not node.text:
        return False
    return sight.sees(node.audience) or node.audience in open_to_all or given.digest == digest(node.text)


def _page_of(claim: str) -> str:
    return f"page:{claim.partition(':')[2].rpartition('#')[0]}"


def _once(nodes: Iterable[Node]) -> list[Node]:
    return list({node.key: node for node in nodes}.values())
