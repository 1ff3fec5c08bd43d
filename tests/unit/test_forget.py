"""Forgetting a person and a thread: gone from the database, its file, and the journal's tip; the graph can still be rebuilt. Effects: temp homes, real git."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import pytest

from adapters.git.layer import Layer
from adapters.git.safe import SafeGit
from adapters.store import forgetting as compaction
from adapters.store import opening
from bridge import rebuilding
from bridge.forgetting import Forgetter
from core import errors, events, graph, layers
from core.audience import Sight
from core.desk import Outcome
from core.ids import IdentityKey, message_key, note_of
from core.people import Identity
from core.proposals import Grounds
from core.redact import Redactor
from tests.unit.journal_rig import Rig, Telling, a_long_story, lane, who


@pytest.fixture
def rig(home: Path) -> Rig:
    return Rig(root=home / "h")


def forgetter(rig: Rig, telling: Telling) -> Forgetter:
    git = SafeGit(globals_at=rig.root / "host.gitconfig")
    return Forgetter(
        store=telling.store, repo=rig.journal(), clock=rig.clock, loops=rig.home.loops, clean=Redactor([]),
        layer=lambda name: Layer(name, rig.home.layer(name), git, clock=rig.clock, remote="", welcome=""),
    )  # fmt: skip


async def everything(rig: Rig) -> str:
    """Return what the newest commit and the database's file hold, as text."""
    names = (await asyncio.to_thread(rig.git, "ls-tree", "-r", "--name-only", "main")).split()
    tip = [await asyncio.to_thread(rig.git, "show", f"main:{name}") for name in names]
    paths = [path for path in rig.root.glob("bridge.db*") if path.suffix in (".db", ".db-wal")]
    return "\n".join([*tip, *(path.read_bytes().decode("latin-1") for path in paths)])


async def rebuilt_digest(rig: Rig) -> str:
    rebuilt = await rebuilding.rebuild(
        rig.url("new.db"), rig.journal(), clock=rig.clock, loops=rig.home.loops
    )
    assert rebuilt.verified
    return rebuilt.graph


async def a_story_with_secrets(telling: Telling) -> None:
    await a_long_story(telling)
    await telling.says(
        lane(1),
        "ada",
        "adasword one",
        files=(events.FileRef(id="f2", name="adafile.txt"),),
        permalink="https://x/ada",
    )
    marked = await telling.says(lane(5), "ada", "adasword two")
    await telling.says(lane(5), "ada", "/loop decide adasword five")
    found = events.Source(
        key=graph.message(message_key(lane(5), marked)), kind="message", audience=lane(5), title="t", text="adasword two", author="Ada",
        said_at=telling.clock.now(), digest="d", readers=(IdentityKey("local:home/ada"),),
    )  # fmt: skip
    await telling.tell(
        events.Referred(
            lane=lane(5),
            at=telling.clock.now(),
            wants="decide",
            author=who("maya"),
            message="77",
            found=found,
        )
    )
    await telling.says(lane(5), "maya", "@Ada is right", mentions=(IdentityKey("local:home/ada"),))
    await telling.says(lane(8), "ada", '/loop schedule "hourly" adasword six')
    await telling.says(lane(8), "maya", '/loop schedule "hourly" look')
    await telling.starts(lane(6), "ada", "adasword three")
    await telling.calls(lane(6), "t9", "make adamake")
    await telling.decides(lane(6), "ada", "deny", "adasword four")
    await telling.results(lane(6), "Left.", "e" * 40)


async def test_a_person(rig: Rig) -> None:
    async with rig.telling() as telling:
        await a_story_with_secrets(telling)
        plan = await forgetter(rig, telling).plan("@ada")
        said = plan.said()
        for words in (
            "Ada (local:home/ada):",
            "1 file",
            "1 loop's task",
            "4 decisions' names",
            "3 commits in repositories",
            "1 earlier commit of the journal",
        ):
            assert words in said, said
        before = await telling.store.digest()
        await forgetter(rig, telling).plan("local:home/ada")
        assert await telling.store.digest() == before, "a preview changes nothing"
        await forgetter(rig, telling).forget(plan)
        graph = await telling.store.digest()
        assert graph != before
        assert await telling.store.search("adasword", sight=Sight(thread=lane(1))) == []
        assert [schedule.words for schedule in await telling.store.schedules()] == ["look"]
        people = await telling.store.people()
        assert people.of(IdentityKey("local:home/ada")) is None
        assert len(people.members) == 2
        with pytest.raises(errors.BadInput, match="Nobody"):
            await forgetter(rig, telling).plan("ada")
        messages, count = await telling.store.thread_messages(lane(5), limit=9)
        assert [message.text for message in messages] == ["", "", "@Ada is right"]
        assert count == 3
    await asyncio.to_thread(compaction.compact, opening.path_of(rig.url()))
    left = (await everything(rig)).replace("loop/adasword-three", "a branch of the team's")
    for words in (
        "adasword",
        "adafile",
        'local:home/ada"',
        "local:home/ada:",
        "https://x/ada",
        "not on a Friday",
    ):
        assert words not in left, words
    assert "adasword" in await asyncio.to_thread(rig.git, "log", "-p", "main"), "history is not rewritten"
    assert await rebuilt_digest(rig) == graph
    async with rig.telling("new.db") as telling:
        assert len((await telling.store.people()).members) == 2


async def test_what_a_person_had_remembered(rig: Rig) -> None:
    async with rig.telling() as telling:
        await a_long_story(telling)
        ada = next(
            member for member in (await telling.store.people()).members.values() if member.name == "Ada"
        )
        mine = layers.personal(ada.id)
        said = await telling.says(lane(1), "ada", "/loop remember adasfact")
        origin = graph.message(message_key(lane(1), said))
        for layer, text, memo in (
            (layers.NOTES, "adasfact", "0123456789ab"),
            (mine, "adasown", "ba9876543210"),
        ):
            path, at = f"memory/x-{memo}.md", rig.clock.now()
            await telling.tell(
                events.LayerMoved(
                    lane=layers.lane(layer), at=at, layer=layer, base="", tip="t",
                    pages=(events.Page(path=path, text=f"---\nby: x\n---\n\n{text}\n"), events.Page(path="page.md", text="ours" if layer == layers.NOTES else "adaspage")),
                ),
                events.Remembered(
                    lane=lane(1) if layer == layers.NOTES else layers.lane(layer), at=at, layer=layer, memo=memo, handle="m0", path=path,
                    text=text, author=who("ada"), origin=origin, source=origin,
                ),
            )  # fmt: skip
        await telling.store.keep("memory:held:1", json.dumps({"author": ["local:home/ada", "Ada"], "text": "adasheld"}))  # fmt: skip
        (rig.home.loops.parent / f"{mine}.git").mkdir(parents=True)
        plan = await forgetter(rig, telling).plan("ada")
        for words in ("1 fact in the team's notes (m0123456789ab)", f"Their own layer, {mine}.git"):
            assert words in plan.said(), plan.said()
        await forgetter(rig, telling).forget(plan)
        after = await telling.store.digest()
        assert await telling.store.kept("memory:held:1") is None
        kept = await telling.store.nodes([graph.page(layers.NOTES, "page.md"), graph.page(mine, "page.md")])
        assert [node.text for node in kept] == ["ours"]
    await asyncio.to_thread(compaction.compact, opening.path_of(rig.url()))
    left = await everything(rig)
    assert not [words for words in ("adasown", "adasfact", "adasheld", "adaspage") if words in left]
    assert await rebuilt_digest(rig) == after


async def small(telling: Telling, values: Mapping[str, object]) -> None:
    for key, value in values.items():
        await telling.store.keep(key, value if isinstance(value, str) else json.dumps(value))


async def left_of(telling: Telling, *keys: str) -> list[object]:
    kept = [await telling.store.kept(key) for key in keys]
    return [json.loads(value) if value else value for value in kept]


async def test_small_values_say_nothing_of_whom_or_what_is_forgotten(rig: Rig) -> None:
    waiting = [{"team": "T1", "user": user, "words": f"{user}word"} for user in ("UADA", "UMAYA")]
    held = {
        "memory:held:1": {"by": ["slack:T1/UADA", "Ada"], "text": "adaheld"},
        "memory:held:2": {"key": f"message:{lane(6)}#3", "text": "sixheld"},
        "memory:held:3": {"by": ["slack:T1/UMAYA", "Maya"], "text": "mayaheld"},
        "memory:held:4": "",
    }
    forms = {
        "chat:slack:slack:pages:T1": "1",
        "chat:slack:slack:pages:T1:0": [["C1", "1.1", {}, []]],
        "chat:discord:discord:form:0": ["t", "q", "draft"],
    }
    stays = {
        "secret": ["s"],
        "chat:slack:slack:seen:T1": {"C1/1.1": "2.1"},
        "chat:slack:slack:commands": waiting,
    }
    async with rig.telling() as telling:
        await a_story_with_secrets(telling)
        (ada,) = [one for one in (await telling.store.people()).members.values() if one.name == "Ada"]
        account = Identity(key=IdentityKey("slack:T1/UADA"), member=ada.id)
        [arrival] = await telling.store.arrive(
            [events.Deleted(lane=lane(9), at=rig.clock.now(), message="x")]
        )
        assert arrival is not None
        await telling.store.settle(arrival, Outcome(identities=(account,)))
        await small(
            telling,
            {
                **held,
                **forms,
                **stays,
                note_of("pin:no such effect"): "adapin",
                f"layer-told:{layers.personal(ada.id)}": "t",
            },
        )
        await forgetter(rig, telling).forget(await forgetter(rig, telling).plan("ada"))
        assert await left_of(telling, *held) == [None, held["memory:held:2"], held["memory:held:3"], ""]
        assert await left_of(telling, *stays) == [["s"], stays["chat:slack:slack:seen:T1"], waiting[1:]]
        assert (
            await left_of(
                telling, *forms, note_of("pin:no such effect"), f"layer-told:{layers.personal(ada.id)}"
            )
            == [None] * 5
        )
        await forgetter(rig, telling).forget(await forgetter(rig, telling).plan(lane(6)))
        assert await left_of(telling, *held) == [None, None, held["memory:held:3"], ""]
    await asyncio.to_thread(compaction.compact, opening.path_of(rig.url()))
    left = await everything(rig)
    assert not [words for words in ("adaheld", "sixheld", "adapin", "UADAword") if words in left]


async def test_what_others_had_remembered_in_somebodys_words(rig: Rig) -> None:
    async with rig.telling() as telling:
        await a_long_story(telling)
        said = await telling.says(lane(1), "ada", "adasfact  is so")
        source = graph.message(message_key(lane(1), said))
        for memo, text in (("0123456789ab", "adasfact is so"), ("ba9876543210", "Maya put it otherwise")):
            await telling.tell(
                events.Remembered(
                    lane=lane(1), at=rig.clock.now(), layer=layers.NOTES, memo=memo, handle="m0", path=f"memory/x-{memo}.md", text=text,
                    author=who("maya"), origin=f"message:{lane(1)}#99", source=source,
                )
            )  # fmt: skip
        plan = await forgetter(rig, telling).plan("ada")
        assert "2 facts in the team's notes (m0123456789ab, mba9876543210)" in plan.said()
        await forgetter(rig, telling).forget(plan)
        facts = await telling.store.find_nodes(kind="memory", prefix="memory:")
        assert [fact.text for fact in facts] == ["", "Maya put it otherwise"]
        after = await telling.store.digest()
    assert await rebuilt_digest(rig) == after


async def test_a_stranger(rig: Rig) -> None:
    async with rig.telling() as telling:
        await a_long_story(telling)
        await forgetter(rig, telling).forget(await forgetter(rig, telling).plan("local:home/zed"))
        graph = await telling.store.digest()
    await asyncio.to_thread(compaction.compact, opening.path_of(rig.url()))
    left = await everything(rig)
    assert "I am a stranger here" not in left
    assert "Zed" not in left
    assert await rebuilt_digest(rig) == graph


async def test_a_thread(rig: Rig) -> None:
    async with rig.telling() as telling:
        await a_story_with_secrets(telling)
        loop = (await telling.store.desk(lane(6))).loop
        assert loop is not None
        (rig.home.loops / loop.id / "capsule").mkdir(parents=True)
        plan = await forgetter(rig, telling).plan(loop.handle)
        assert f"The thread {lane(6)}:" in plan.said()
        assert "1 commit in repositories" in plan.said()
        await forgetter(rig, telling).forget(plan)
        graph = await telling.store.digest()
        assert (await telling.store.desk(lane(6))).loop is None
        assert await telling.store.nodes([f"loop:{loop.id}", f"thread:{lane(6)}"]) == []
        assert not (rig.home.loops / loop.id).exists()
        # What the platform tells again is known: the thread does not come back by itself.
        telling.numbers[lane(6)] = 0
        await telling.says(lane(6), "ada", "/loop adasword three")
        assert await telling.store.digest() == graph
    await asyncio.to_thread(compaction.compact, opening.path_of(rig.url()))
    left = await everything(rig)
    for words in ("adasword three", "adasword four", "adamake"):
        assert words not in left, words
    assert "adasword two" in left
    assert await rebuilt_digest(rig) == graph
    lines = [json.loads(line) for line in await rig.lines()]
    assert len(lines) == (await rig.journal().tip()).lines


async def test_nothing_is_forgotten_under_a_running_loop(rig: Rig) -> None:
    async with rig.telling() as telling:
        await a_long_story(telling)
        for what in ("ravi", lane(2)):
            with pytest.raises(errors.Refused, match="at work") as caught:
                await forgetter(rig, telling).plan(what)
            assert "/loop stop" in caught.value.remedy


async def test_what_is_not_known(rig: Rig) -> None:
    async with rig.telling() as telling:
        await telling.admits()
        for what in ("nobody", "", "ffff", "local:home/general/99"):
            with pytest.raises(errors.BadInput, match="called"):
                await forgetter(rig, telling).plan(what)


async def proposes(telling: Telling, number: int, title: str, *grounds: Grounds) -> None:
    loop = (await telling.store.desk(lane(number))).loop
    assert loop is not None
    proposed = events.Proposed(
        lane=lane(number), at=telling.clock.now(), loop=loop.id, turn=None, request=title, layer=layers.KNOWLEDGE, proposal=f"{number:032x}",
        title=title, base="a" * 40, tip="b" * 40, digest="d", files=(("x.md", 1, 0),), protected=(), diff="+x", unproven=(),
        grounds=grounds,
    )  # fmt: skip
    await telling.tell(proposed)


async def weighs(
    telling: Telling, number: int, choice: Literal["reject", "edit"], name: str, words: str
) -> None:
    (known,) = await telling.store.find_proposal(f"{number:032x}")
    said = events.ProposalWeighed(
        lane=known.thread, at=telling.clock.now(), proposal=f"{number:032x}", choice=choice, words=words, author=who(name), message="90",
        via=lane(9),
    )  # fmt: skip
    await telling.tell(said)


async def test_proposals_and_readers(rig: Rig) -> None:
    source = events.Source(
        key="message:local:home/far/1#1", kind="message", audience="local:home/far/1", title="t", text="x", author="Ravi",
        said_at=rig.clock.now(), digest="d", readers=(IdentityKey("local:home/ada"), IdentityKey("local:home/maya")),
    )  # fmt: skip
    async with rig.telling() as telling:
        await a_story_with_secrets(telling)
        await telling.starts(lane(11), "maya", "mend the clock")
        for number in (6, 11):
            said = await telling.says(lane(5), "ada", f"adasword of {number}")
            rests = graph.message(message_key(lane(5), said))
            text = f"adasclaim {number}"
            await proposes(
                telling,
                number,
                f"title of {number}",
                Grounds(claim="claim:knowledge/x.md#1", path="x.md", text=text, sources=(rests,)),
            )
        await weighs(telling, 11, "reject", "ada", "adasword nine")
        await telling.tell(
            events.Referred(
                lane=lane(11),
                at=telling.clock.now(),
                wants="add",
                author=who("maya"),
                message="91",
                found=source,
            )
        )
        loop = (await telling.store.desk(lane(11))).loop
        assert loop is not None
        assert loop.wanted
        await telling.results(lane(11), "Looked.")
        await forgetter(rig, telling).forget(await forgetter(rig, telling).plan("@ada"))
        (waits,) = await telling.store.find_proposal(f"{11:032x}")
        assert not waits.grounds
    await asyncio.to_thread(compaction.compact, opening.path_of(rig.url()))
    left = await everything(rig)
    for words in ("adasword nine", 'local:home/ada"', '"by_name":"Ada"'):
        assert words not in left, words
    async with rig.telling() as telling:
        await forgetter(rig, telling).forget(await forgetter(rig, telling).plan(lane(11)))
    await asyncio.to_thread(compaction.compact, opening.path_of(rig.url()))
    # Its commit is the team's; the proposal itself is gone.
    assert '"title":"title of 11"' not in await everything(rig)
