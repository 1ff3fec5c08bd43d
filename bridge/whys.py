"""Walking back through the graph. Owns: Whys. Imports: core. Effects: reads the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core import cards, decided, graph, layers, memory, memorycards, references, reports, whys, wording
from core.audience import Sight
from core.decided import Mark
from core.effects import Look
from core.graph import Node
from core.ids import MemberId
from core.loop import Loop
from core.message import Message
from core.ports import Store

CLAIMS, TOUCHING, FACTS = 200, 200, 10
SHORTEST_SHA = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Whys:
    """Answers `why` and `decisions`, with what everybody in the thread may read."""

    store: Store
    repos: tuple[str, ...]

    async def __call__(self, effect: Look, loop: Loop | None) -> Message:
        """Return the way back from a page, a claim, a fact, a decision or a commit."""
        newest = loop.base if loop and loop.base != loop.first_base else ""
        asked = effect.argument.strip() or newest
        sight = sight_of(effect, loop)
        if "/" in asked:
            return await self._page(asked, effect, sight)
        if fact := memory.HANDLE.match(asked):
            return await self._fact(fact.group(1).lower(), sight)
        marks = await self._marks(loop, sight)
        named = asked.lower().lstrip("#")
        known = next((mark for mark in marks if mark.handle == named), None)
        return await self._decision(known, marks, sight) if known else await self._commit(named, sight)

    async def decisions(self, effect: Look, loop: Loop | None) -> Sequence[Mark]:
        """Return the decisions that touch a thread or its loop's repository."""
        return await self._marks(loop, sight_of(effect, loop))

    async def _marks(self, loop: Loop | None, sight: Sight) -> list[Mark]:
        near = list(await self.store.onto(graph.thread(sight.thread), "touches", limit=TOUCHING))
        if loop is not None and loop.repo:
            near += await self.store.onto(graph.repo(loop.repo), "touches", limit=TOUCHING)
        found = {node.key: node for node in near if node.kind == "decision" and node.props.get("handle")}
        return [decided.of(node) for node in found.values() if sight.sees(node.audience)]

    async def _decision(self, mark: Mark, marks: Sequence[Mark], sight: Sight) -> Message:
        found = await self.store.nodes([mark.key, mark.source])
        nodes = {node.key: node for node in found}
        newer = await self.store.onto(mark.key, "supersedes", limit=1)
        older = await self.store.out_of(mark.key, "supersedes", limit=1)
        known = {one.key: one for one in marks}
        return whys.decision(
            mark,
            nodes.get(mark.source),
            older=_known(older, known),
            newer=_known(newer, known),
            marker=nodes[mark.key].props.get("marker", ""),
            sight=sight,
        )

    async def _page(self, asked: str, effect: Look, sight: Sight) -> Message:
        path, _, number = asked.partition("#")
        member = (await self.store.people()).of(effect.to)
        named = references.read(path, thread=sight.thread, member=member.id if member else MemberId(""))
        key = named.name if named else ""
        found = [
            node
            for node in await self.store.nodes([key])
            if node.kind == "page" and sight.sees(node.audience)
        ]
        if not found:
            return cards.error(
                f"No page {wording.code(path, 80)} is known here.",
                f"Pages begin with {wording.listing(layers.TEAM, last='or')}.",
            )
        prefix = f"claim:{key.partition(':')[2]}#"
        claims = await self.store.find_nodes(kind="claim", prefix=prefix + number, limit=CLAIMS)
        claims = [claim for claim in claims if not number or claim.key == prefix + number]
        rests = [
            whys.Rests(claim=claim, sources=await self.store.out_of(claim.key, "distilled_from", limit=20))
            for claim in claims
            if claim.text
        ]
        if number:
            known = rests[:1]
            return (
                whys.claim(known[0], sight)
                if known
                else cards.error(f"The page makes no claim {wording.code(number, 20)}.")
            )
        makers = [
            *await self.store.onto(key, "produced", limit=5),
            *await self.store.onto(key, "touches", limit=5),
        ]
        return whys.page(found[0], rests, makers, sight)

    async def _fact(self, identifier: str, sight: Sight) -> Message:
        """Return what a fact of the team rests on. One's own are not told where others read along."""
        prefix = graph.memory(layers.NOTES, identifier)
        known = [
            node
            for node in await self.store.find_nodes(kind="memory", prefix=prefix, limit=FACTS)
            if node.text and sight.sees(node.audience)
        ]
        if not known:
            return cards.error(
                f"No fact is called {wording.code(f'm{identifier}', 20)} here.",
                "`/loop memory` shows what the team remembers.",
            )
        if len(known) > 1:
            names = [f"m{node.key.rpartition('/')[2]} · {wording.line(node.text, 160)}" for node in known]
            return cards.error(
                "That could be any of these.", f"Say which, by its handle:\n{memorycards.candidates(names)}"
            )
        sources = await self.store.out_of(known[0].key, "distilled_from", limit=20)
        said = [node for node in sources if node.kind == "message"]
        return whys.fact(whys.Rests(claim=known[0], sources=said), f"m{identifier}", sight)

    async def _commit(self, sha: str, sight: Sight) -> Message:
        if decided.HANDLE.fullmatch(sha) and len(sha) < SHORTEST_SHA:
            return cards.error(
                f"No decision {wording.code(sha, 20)} can be seen from here.",
                "`/loop decisions` lists those that can.",
            )
        if not all(char in "0123456789abcdef" for char in sha) or len(sha) < SHORTEST_SHA:
            return cards.error(
                "Of what?",
                "`/loop why 3f2a91c` (a commit), `/loop why knowledge/clock.md` (a page), `/loop why m3f2` (a fact), `/loop why d3f` (a decision; `/loop decisions` lists them).",
            )
        found = [
            node
            for repo in (*self.repos, *layers.TEAM)
            for node in await self.store.find_nodes(kind="commit", prefix=graph.commit(repo, sha), limit=2)
        ]
        if not found:
            return cards.error(
                f"No loop here made a commit {wording.code(sha, 40)}.",
                "`/loop list all` shows the loops there were.",
            )
        walk = await self.store.walk(found[0].key, depth=4)
        seen = {node.key: node for node in walk.nodes if sight.sees(node.audience)}
        return reports.why(found[0], seen, walk.edges)


def sight_of(effect: Look, loop: Loop | None) -> Sight:
    """Return what can be shown to everybody who reads the answer of a look."""
    if loop is None:
        return Sight(thread=effect.lane)
    return Sight(thread=loop.thread, elsewhere=effect.lane != loop.thread)


def _known(near: Sequence[Node], known: dict[str, Mark]) -> Mark | None:
    return next((known.get(node.key) for node in near), None)
