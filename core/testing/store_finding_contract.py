"""How any store finds nodes: by words, links and edges, and for whom. Owns: CHECKS. Imports: core. Effects: through the rig's stores."""

from __future__ import annotations

from core import graph, ids
from core.audience import Sight
from core.desk import Outcome
from core.graph import Edge, Node, NodeKind
from core.ids import MemberId
from core.testing.store_contract import Check
from core.testing.store_rig import LANE, OTHER_LANE, Rig, at, heard, settled

ELSEWHERE = ids.thread_key("local", "home", "private", "9")
HERE = Sight(thread=LANE)


def page(name: str, text: str, audience: str = "bridge", kind: NodeKind = "page") -> Node:
    return Node(key=f"{kind}:{name}", kind=kind, audience=audience, at=at(1), text=text)


async def check_words_are_found_for_those_who_could_read_them(rig: Rig) -> None:
    async with rig.open() as store:
        told = (
            *heard(1, "the clock is frozen"),
            *heard(2, "the clock of a neighbour", lane=OTHER_LANE),
            *heard(3, "the clock of strangers", lane=ELSEWHERE),
            page("knowledge/clock.md", "Freeze the clock."),
            page("personal/x/clock.md", "My clock.", audience="member:x"),
        )
        await settled(store, 1, Outcome(facts=told))

        async def found(sight: Sight) -> set[str]:
            return {node.text for node in await store.search("clock", sight=sight)}

        known = {"the clock is frozen", "the clock of a neighbour", "Freeze the clock."}
        assert await found(HERE) == known
        assert await found(Sight(thread=LANE, member=MemberId("x"))) == known | {"My clock."}
        assert await found(Sight(thread=ELSEWHERE)) == {"the clock of strangers", "Freeze the clock."}
        # A platform of whose channels nothing is known shares its threads with nobody.
        matrix = ids.thread_key("matrix", "home", "room", "1")
        assert await found(Sight(thread=matrix)) == {"Freeze the clock."}


async def check_rare_words_count_for_more(rig: Rig) -> None:
    async with rig.open() as store:
        common = [page(f"notes/{number}.md", "the test of a thing") for number in range(50)]
        await settled(store, 1, Outcome(facts=(page("notes/rare.md", "the flaky thing"), *common)))
        found = await store.search("the flaky test", sight=HERE, limit=5)
        assert found[0].key == "page:notes/rare.md"
        assert len(found) == 5
        assert [node.key for node in await store.search("flaky thi", sight=HERE, limit=1)] == [
            "page:notes/rare.md"
        ]
        for odd in ('"*(', "", "NOT", "text : a", "x" * 5_000):
            await store.search(odd, sight=HERE)


async def check_few_are_found_among_many(rig: Rig) -> None:
    async with rig.open() as store:
        mark = Node(key="decision:mark/1", kind="decision", audience=LANE, at=at(1), text="pin the clock")
        call = Node(key="decision:2", kind="decision", audience=LANE, at=at(1), text="allowed: clock")
        await settled(store, 0, Outcome(facts=(page("notes/old.md", "the clock"), mark, call)))
        for number in range(1, 5):
            many = [fact for each in range(100) for fact in heard(number * 100 + each, "the clock")]
            await settled(store, number, Outcome(facts=tuple(many)))
        assert [node.key for node in await store.search("clock", sight=HERE, kinds=["page"])] == [
            "page:notes/old.md"
        ]
        assert [node.key for node in await store.search("clock", sight=HERE, kinds=["mark"])] == [mark.key]
        both = await store.search("clock", sight=HERE, kinds=["page", "decision"])
        assert {node.key for node in both} == {"page:notes/old.md", call.key}


async def check_words_to_the_bridge_are_not_found(rig: Rig) -> None:
    async with rig.open() as store:
        for number in range(1, 51):
            await settled(
                store, number, Outcome(facts=heard(number, f"/loop why knowledge/clock.md {number}"))
            )
        meant = [Node(
            key=graph.message(ids.message_key(LANE, "60")), kind="message", audience=LANE, at=at(1), text="status of the clock",
            props={"aside": "yes"},
        )]  # fmt: skip
        said = (*heard(70, "the clock is late"), *heard(71, "/loop mend the clock"))
        await settled(store, 51, Outcome(facts=(*meant, *said)))
        for limit in (1, 2, 20):
            found = {node.text for node in await store.search("clock why", sight=HERE, limit=limit)}
            assert len(found) == min(limit, 2)
            assert found <= {"the clock is late", "/loop mend the clock"}


async def check_what_is_gone_is_not_found(rig: Rig) -> None:
    async with rig.open() as store:
        first = page("notes/a.md", "old words")
        await settled(store, 1, Outcome(facts=(first,)))
        await settled(store, 2, Outcome(facts=(page("notes/a.md", "new words"),)))
        assert await store.search("old", sight=HERE) == []
        assert len(await store.search("new", sight=HERE)) == 1
        gone = Node(key=first.key, kind="page", audience="bridge", at=at(2), props={"deleted": "now"})
        await settled(store, 3, Outcome(facts=(gone,)))
        assert await store.search("new", sight=HERE) == []


async def check_a_permalink_leads_to_its_message(rig: Rig) -> None:
    async with rig.open() as store:
        link = "https://chat.example/p/1716"
        node = Node(
            key="message:x#1",
            kind="message",
            audience=LANE,
            at=at(1),
            text="hello",
            props={"permalink": link},
        )
        bare = Node(
            key="message:x#2", kind="message", audience=LANE, at=at(1), text="hello", props={"permalink": ""}
        )
        await settled(store, 1, Outcome(facts=(node, bare)))
        assert await store.linked([link, "https://chat.example/p/1", ""]) == {link: node}
        # How people come by an address differs in what follows the question mark.
        assert await store.linked([f"{link}?cid=C1&thread_ts=1.0"]) == {f"{link}?cid=C1&thread_ts=1.0": node}


async def check_edges_are_followed_by_their_kind(rig: Rig) -> None:
    async with rig.open() as store:
        claims = [page(f"notes/a.md#{number}", f"claim {number}", kind="claim") for number in range(3)]
        source = heard(1, "the source")
        key = source[0].key if isinstance(source[0], Node) else ""
        lines = [Edge(src=claim.key, kind="distilled_from", dst=key, at=at(1)) for claim in claims]
        other = Edge(src=claims[0].key, kind="links", dst=key, at=at(1))
        await settled(store, 1, Outcome(facts=(*source, *claims, *lines, other)))
        assert [node.key for node in await store.onto(key, "distilled_from")] == [
            claim.key for claim in claims[::-1]
        ]
        assert len(await store.onto(key, "distilled_from", limit=1)) == 1
        assert [node.key for node in await store.out_of(claims[0].key, "distilled_from")] == [key]
        assert await store.onto("message:unknown", "links") == []
        found = await store.distilled([key, "message:unknown", key])
        assert {node.key for node in found} == {claim.key for claim in claims}
        assert graph.thread(LANE) in {node.key for node in await store.out_of(key, "in_thread")}


CHECKS: tuple[Check, ...] = tuple(
    check for name, check in list(globals().items()) if name.startswith("check_")
)
