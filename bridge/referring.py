"""Looking up what somebody pointed at. Owns: Referring. Imports: core, bridge.gathering. Effects: reads the store, emits Referred."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.gathering import digest, opened
from core import events, givencards, graph, layers, wording
from core.effects import Refer
from core.errors import BadInput
from core.graph import Node
from core.ids import IdentityKey, MemberId, ThreadKey
from core.ports import Clock, Emit, Store

READERS = 50  # accounts known to read a source; more need not be known


@dataclass(frozen=True, slots=True, kw_only=True)
class Referring:
    """Carries out Refer."""

    store: Store
    clock: Clock
    emit: Emit

    async def __call__(self, effect: Refer) -> None:
        """Say Referred: with what was found, or with why nothing was."""
        found: events.Source | None = None
        what = remedy = ""
        try:
            found = await self._source(await self._node(effect))
        except BadInput as exc:
            what, remedy = str(exc), exc.remedy
        await self.emit(
            events.Referred(
                lane=effect.lane, at=self.clock.now(), wants=effect.wants, author=effect.author, message=effect.message, via=effect.via,
                words=effect.words, found=found, what=what, remedy=remedy,
            )
        )  # fmt: skip

    async def _node(self, effect: Refer) -> Node:
        """Return the node somebody means. Raises BadInput."""
        name = effect.reference.name
        match effect.reference.kind:
            case "number":
                given = await self.store.given(effect.loop)
                found = list(given[int(name) - 1 : int(name)]) if int(name) else []
            case "link":
                found = list((await self.store.linked([name])).values())
            case "loop":
                loops = await self.store.find_loop(name)
                found = list(await self.store.nodes([graph.loop(loop.id) for loop in loops]))
            case "fact":
                member = (await self.store.people()).of(effect.author.identity)
                own = [layers.personal(member.id)] if member else []
                prefixes = [graph.memory(layer, name) for layer in (layers.NOTES, *own)]
                found = [
                    node
                    for one in prefixes
                    for node in await self.store.find_nodes(kind="memory", prefix=one)
                ]
            case _:
                found = list(await self.store.nodes([name]))
        found = [node for node in found if node.text and not node.props.get("deleted")]
        if len(found) == 1:
            return found[0]
        if found:
            raise BadInput(
                f"{len(found)} things have an id like that.", remedy="Give more of its characters."
            )
        raise BadInput(
            f"Nothing is known here of {wording.code(name.partition(':')[2] or name, 80)}.",
            remedy="A link works when the bridge has seen the message: it reads threads that have a loop. `/loop context` numbers what there is.",
        )

    async def _source(self, node: Node) -> events.Source:
        audience = layers.EVERYBODY if await opened(self.store, [node]) else node.audience
        return events.Source(
            key=node.key, kind=node.kind, audience=audience, title=givencards.name(node), text=node.text,
            author=node.props.get("author", ""), permalink=node.props.get("permalink", ""), said_at=node.at, digest=digest(node.text),
            readers=await self._readers(node),
        )  # fmt: skip

    async def _readers(self, node: Node) -> tuple[IdentityKey, ...]:
        """Return who is known to read a source: its author, then whoever wrote in its thread; a page of one member's is theirs alone."""
        if node.audience.startswith("member:"):
            people = await self.store.people()
            return people.addresses(MemberId(node.audience.partition(":")[2]))[:READERS]
        if node.audience == layers.EVERYBODY:
            return ()
        thread = graph.thread(ThreadKey(node.audience))
        said = await self.store.onto(thread, "in_thread", limit=500)
        names = [node.props.get("identity", ""), *(one.props.get("identity", "") for one in said)]
        return tuple(IdentityKey(name) for name in dict.fromkeys(names) if name)[:READERS]
