"""What pages of the layers claim, and on which messages. Owns: Claims. Imports: core. Effects: reads the store, emits events."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from core import events, graph, layers, proof, proposals, wording
from core.effects import ReadClaims, Retrace
from core.ids import MessageKey
from core.loop import Loop
from core.ports import Clock, Emit, Store
from core.proposals import Grounds

CLAIMS = 5_000  # of one page
GROUNDS = 500  # of one proposal


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """Carries out ReadClaims and Retrace."""

    store: Store
    clock: Clock
    emit: Emit

    async def read(self, effect: ReadClaims) -> None:
        """Say what pages claim now, and what they claim no more."""
        for page in effect.pages:
            if page.path.endswith((".md", ".markdown")):
                await self._page(effect, page.path, await asyncio.to_thread(proof.claims, page.text))
        for path in effect.gone:
            await self._page(effect, path, ())

    async def _page(self, effect: ReadClaims, path: str, found: Sequence[proof.Claim]) -> None:
        sources = await self._sources(link for claim in found for link in claim.links)
        proven = [claim for claim in found if any(link in sources for link in claim.links)]
        keys = {graph.claim(effect.layer, path, claim.n) for claim in proven}
        known = await self.store.find_nodes(
            kind="claim", prefix=f"claim:{effect.layer}/{path}#", limit=CLAIMS
        )
        gone = [node.key for node in known if node.key not in keys and not node.props.get("deleted")]
        if not proven and not gone:
            return
        read = tuple(
            events.ClaimRead(
                n=claim.n, text=claim.text, sources=tuple(sources[link] for link in claim.links if link in sources)
            )
            for claim in proven
        )  # fmt: skip
        there = {node.key for node in known}
        made = {graph.claim(effect.layer, path, claim.n): claim.sources for claim in read}
        # Told first: were it to be told second, a crash in between would find no new claims any more.
        await self._late({key: rests for key, rests in made.items() if key not in there})
        await self.emit(
            events.ClaimsRead(
                lane=effect.lane, at=self.clock.now(), layer=effect.layer, path=path, tip=effect.tip, gone=tuple(gone), claims=read
            )
        )  # fmt: skip

    async def grounds(self, loop: Loop, layer: str, pages: Mapping[str, str]) -> tuple[Grounds, ...]:
        """Return what pages of a loop (path → text) claim anew, with the messages that rests on; one that changed since it was written says how."""
        found = [
            (path, claim)
            for path, text in pages.items()
            if path.endswith((".md", ".markdown"))
            for claim in await asyncio.to_thread(proof.claims, text)
        ]
        sources = await self._sources(link for _, claim in found for link in claim.links)
        made = [
            Grounds(claim=graph.claim(layer, path, claim.n), path=path, text=wording.line(claim.text, 120), sources=rests)
            for path, claim in found
            if (rests := tuple(sources[link] for link in claim.links if link in sources))
        ]  # fmt: skip
        standing = await self.store.nodes([each.claim for each in made])
        known = {node.key for node in standing if node.text and not node.props.get("deleted")}
        fresh = tuple(each for each in made if each.claim not in known)[:GROUNDS]
        written = loop.turn.started_at if loop.turn is not None and loop.turn.number > 1 else loop.created_at
        for node in await self.store.nodes(list({source for each in fresh for source in each.sources})):
            if how := graph.changed(node, since=written):
                fresh = proposals.shake(fresh, node.key, how)
        return fresh

    async def _late(self, made: Mapping[str, Sequence[str]]) -> None:
        """Flag new claims (with their sources) on a message that was deleted before they were merged: nobody found them by it then."""
        sources = dict.fromkeys(source for rests in made.values() for source in rests)
        for node in await self.store.nodes(list(sources)):
            if node.props.get("deleted"):
                now = self.clock.now()
                await self.emit(
                    events.SourceChanged(
                        lane=layers.lane(layers.KNOWLEDGE), at=now, message=MessageKey(node.key.removeprefix("message:")), how="deleted",
                        changed_at=now, claims=tuple(key for key, rests in made.items() if node.key in rests),
                    )
                )  # fmt: skip

    async def _sources(self, links: Iterable[str]) -> Mapping[str, str]:
        """Return the keys of the messages that addresses lead to."""
        wanted = list(dict.fromkeys(links))
        found = {link: node.key for link, node in (await self.store.linked(wanted)).items()}
        for node in await self.store.nodes([f"message:{link}" for link in wanted if link not in found]):
            found[node.key.removeprefix("message:")] = node.key
        return found

    async def retrace(self, effect: Retrace) -> None:
        """Say which claims and facts rest on a message that changed, and which decisions lose their words; none is nothing to say."""
        message = graph.message(effect.message)
        await self._shake(message, effect)
        rest = await self.store.distilled([message], limit=CLAIMS)
        found = [node for node in rest if not node.props.get("deleted")]
        claims = tuple(node.key for node in found if node.kind == "claim")
        marks = tuple(
            node.key for node in found if node.key.startswith(graph.MARK) and effect.how == "deleted"
        )
        facts = [
            node.key for node in found if node.kind == "memory" and not await self._stands(node.key, message)
        ]
        if claims or marks or facts:
            await self.emit(
                events.SourceChanged(
                    lane=layers.lane(layers.KNOWLEDGE), at=self.clock.now(), message=effect.message, how=effect.how,
                    changed_at=effect.at, claims=claims, marks=marks,
                    facts=tuple(facts),
                )
            )  # fmt: skip

    async def _shake(self, message: str, effect: Retrace) -> None:
        """Tell the proposals that wait with a claim on this message."""
        for proposal in await self.store.proposals():
            if any(message in each.sources for each in proposal.grounds):
                await self.emit(
                    events.ProposalShaken(
                        lane=proposal.thread, at=self.clock.now(), proposal=proposal.id, message=message, how=effect.how,
                        changed_at=effect.at,
                    )
                )  # fmt: skip

    async def _stands(self, fact: str, message: str) -> bool:
        """Whether a fact was said elsewhere as well, in a message that is still there."""
        sources = await self.store.out_of(fact, "distilled_from")
        return any(node.text and node.key != message for node in sources if node.kind == "message")
