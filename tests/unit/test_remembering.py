"""The hands of memory. Owns: what is written where, what waits for a word, crashes in between; over a real store and layers in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from adapters.store.store import SqlStore
from bridge import aftermath, keeping
from bridge.news import News
from bridge.promote_tool import PromoteTool
from core import effects, events, focus, graph, layers, memory
from core.desk import Outcome
from core.errors import BadInput, LoopbridgeError, Refused, Unavailable
from core.ids import IdentityKey, LoopId, MemberId, ThreadKey, TurnId, message_key
from core.loop import Condensing, Loop, Turn
from core.people import Identity, Member
from core.ports import ToolAnswer, ToolHand, ToolUse
from core.testing.fake_layers import FakeLayers
from core.testing.fakes import START, FakeClock

OPEN, CLOSED = ThreadKey("slack:T1/C1/1"), ThreadKey("slack:T1/G9/1")
MINE, NOTES = layers.personal(MemberId("maya")), layers.NOTES
E = TypeVar("E", bound=events.Event)


def who(name: str) -> events.Author:
    return events.Author(identity=IdentityKey(f"slack:T1/{name}"), name=name.capitalize())


@dataclass(kw_only=True)
class Rig:
    store: SqlStore
    layers: FakeLayers
    tool: ToolHand
    hands: Any
    told: list[events.Event] = field(default_factory=list)
    failing: int = 0  # how many emits fail before one passes
    number: int = 0

    async def emit(self, event: events.Event) -> None:
        if self.failing:
            self.failing -= 1
            raise Unavailable("the disk is full")
        self.told.append(event)

    async def do(self, effect: effects.Doing) -> events.Event:
        await self.hands[type(effect)](effect)
        return self.told[-1]

    async def says(
        self, text: str, *, lane: ThreadKey = OPEN, name: str = "maya", **more: Any
    ) -> effects.Remember:
        """Return the effect of a command that somebody wrote."""
        message = await self.wrote(f"/loop remember {text}", lane=lane, name=name)
        return effects.Remember(key=f"remember:{lane}:{message}", lane=lane, text=text, author=who(name), message=message, **more)  # fmt: skip

    async def wrote(self, text: str, *, lane: ThreadKey = OPEN, name: str = "maya") -> str:
        self.number += 1
        message = str(self.number)
        await self.fact(
            graph.Node(
                key=graph.message(message_key(lane, message)), kind="message", audience=lane, at=START, text=text,
                props={"author": name.capitalize(), "identity": who(name).identity, "permalink": f"https://chat/{message}"},
            )
        )  # fmt: skip
        return message

    async def fact(self, *facts: graph.Fact, **more: Any) -> None:
        self.number += 1
        [arrival] = await self.store.arrive([events.Deleted(lane=OPEN, at=START, message=f"x{self.number}")])
        assert arrival is not None
        await self.store.settle(arrival, Outcome(facts=facts, **more))

    async def files(self, layer: str = NOTES) -> dict[str, str]:
        return dict(await self.layers.texts(layer))

    def last(self, kind: type[E]) -> E:
        assert isinstance(self.told[-1], kind), self.told[-1]
        return self.told[-1]


@asynccontextmanager
async def rig(
    tmp_path: Path, *, made: FakeLayers | None = None, **texts: dict[str, str]
) -> AsyncIterator[Rig]:
    clock = FakeClock()
    async with SqlStore(f"sqlite:///{tmp_path / 'x.db'}", clock=clock) as store:
        house = Rig(store=store, layers=made or FakeLayers(**texts), tool=None, hands=None)  # type: ignore[arg-type]
        house.tool, house.hands = keeping.build(
            store=store, layers=house.layers, clock=clock, emit=house.emit, clean=lambda text: text.replace("hunter2", "[secret]")
        )  # fmt: skip
        names = ("maya", "ravi")
        rooms = (("open", OPEN), ("closed", CLOSED))
        await house.fact(
            *(graph.Node(key=graph.thread(lane), kind="thread", audience=lane, at=START, props={"room": room}) for room, lane in rooms),
            members=tuple(Member(id=MemberId(name), name=name.capitalize(), role="member") for name in names),
            identities=tuple(Identity(key=who(name).identity, member=MemberId(name)) for name in names),
        )  # fmt: skip
        yield house


async def test_a_fact_is_a_file_with_its_source_and_a_line_in_the_index(tmp_path: Path) -> None:
    async with rig(tmp_path) as house:
        effect = await house.says("Staging is at db2")
        told = await house.do(effect)
        assert isinstance(told, events.Remembered)
        files = await house.files()
        assert set(files) == {told.path, memory.TEAM_INDEX}
        memo = memory.read(told.path, files[told.path])
        assert memo is not None
        assert (memo.by, memo.text, memo.source) == (
            "Maya",
            "Staging is at db2",
            f"https://chat/{effect.message}",
        )
        assert told.source == told.origin == graph.message(message_key(OPEN, effect.message))
        assert f"[{told.handle}]" in files[memory.TEAM_INDEX]
        assert house.layers.written[-1][2] == "Maya"


async def test_what_is_known_is_said_and_not_written_twice(tmp_path: Path) -> None:
    async with rig(tmp_path) as house:
        first = await house.do(await house.says("Staging is at db2"))
        wrote = len(house.layers.written)
        again = await house.do(await house.says("staging is at  DB2.", name="ravi"))
        assert isinstance(first, events.Remembered)
        assert isinstance(again, events.Remembered)
        assert (first.known, again.known) == (False, True)
        assert again.handle == first.handle
        assert len(house.layers.written) == wrote


async def test_a_crash_after_the_writing_tells_it_as_new(tmp_path: Path) -> None:
    async with rig(tmp_path) as house:
        effect = await house.says("Staging is at db2")
        house.failing = 1
        with pytest.raises(Unavailable):
            await house.do(effect)
        await house.do(effect)
        assert house.last(events.Remembered).known is False
        assert [subject for _, subject, _ in house.layers.written] == ["memory: remember Staging is at db2"]


@pytest.mark.parametrize("how", ["edited", "deleted"])
async def test_a_source_that_changes_while_its_fact_is_written_flags_it(tmp_path: Path, how: str) -> None:
    key = graph.message(message_key(OPEN, "3"))

    class Slow(FakeLayers):
        async def write(self, layer: str, subject: str, files: Any, *, gone: Any = (), by: str) -> str:
            await house.fact(graph.Node(key=key, kind="message", audience=OPEN, at=START, props={how: "now"}))
            return await super().write(layer, subject, files, gone=gone, by=by)

    async with rig(tmp_path, made=Slow()) as house:
        house.number = 2
        assert await house.wrote("We deploy on Tuesdays", name="ravi") == "3"
        await house.do(replace(await house.says(""), reply_to="3"))
        changed = house.last(events.SourceChanged)
        fact = graph.memory(NOTES, memory.identify("We deploy on Tuesdays"))
        assert (changed.message, changed.how, changed.facts) == (message_key(OPEN, "3"), how, (fact,))


async def test_a_reply_or_a_link_keeps_that_message_in_its_authors_name(tmp_path: Path) -> None:
    async with rig(tmp_path) as house:
        said = await house.wrote("We deploy on Tuesdays", name="ravi")
        for effect in (
            replace(await house.says(""), reply_to=said),
            await house.says(f"https://chat/{said}"),
            await house.says(f"<https://chat/{said}>"),
        ):
            told = await house.do(effect)
            assert isinstance(told, events.Remembered)
            assert told.text == "We deploy on Tuesdays"
            assert told.source == graph.message(message_key(OPEN, said))
            assert told.origin == graph.message(message_key(OPEN, effect.message))
        assert "by: Ravi" in (await house.files())[memory.place("We deploy on Tuesdays")]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("the token is hunter2", "a secret of this bridge"),
        ("use AKIAABCDEFGHIJKLMNOP", "an AWS access key"),
        ("ab", "3 to 2,000"),
        ("https://chat/404", "No message the bridge knows"),
        ("", "No message the bridge knows"),
    ],
)
async def test_what_cannot_be_kept_says_why(tmp_path: Path, text: str, why: str) -> None:
    async with rig(tmp_path) as house:
        effect = replace(await house.says(text), reply_to="404")
        await house.do(effect)
        assert why in house.last(events.NotDone).what
        assert not house.layers.written


async def test_a_link_into_a_closed_thread_leads_nowhere_from_outside(tmp_path: Path) -> None:
    async with rig(tmp_path) as house:
        said = await house.wrote("The merger is on", lane=CLOSED, name="ravi")
        await house.do(await house.says(f"https://chat/{said}"))
        assert "none that may be read from here" in house.last(events.NotDone).what


@pytest.mark.parametrize("share", [True, False])
async def test_a_closed_thread_waits_for_whoever_asked(tmp_path: Path, share: bool) -> None:
    async with rig(tmp_path) as house:
        held = await house.do(await house.says("The merger is on", lane=CLOSED))
        assert isinstance(held, events.RememberHeld)
        assert not house.layers.written
        choice = effects.Share(
            key="s1", lane=CLOSED, held=held.held, share=share, author=who("ravi"), press="p1"
        )
        await house.do(choice)
        assert "Maya asked for this" in house.last(events.NotDone).what
        told = await house.do(replace(choice, key="s2", author=who("maya"), press="p2"))
        assert isinstance(told, events.Remembered)
        assert (told.layer, told.card) == (NOTES if share else MINE, held.held)
        assert told.path in await house.files(told.layer)
        assert (told.lane, told.via) == ((CLOSED, "") if share else (layers.lane(MINE), CLOSED))
        await house.do(replace(choice, key="s3", author=who("maya"), press="p3"))
        assert "answered already" in house.last(events.NotDone).what


async def test_what_was_deleted_while_it_waited_is_not_kept(tmp_path: Path) -> None:
    async with rig(tmp_path) as house:
        said = await house.wrote("The merger is on", lane=CLOSED, name="ravi")
        held = await house.do(replace(await house.says("", lane=CLOSED), reply_to=said))
        assert isinstance(held, events.RememberHeld)
        key = graph.message(message_key(CLOSED, said))
        await house.fact(
            graph.Node(key=key, kind="message", audience=CLOSED, at=START, props={"deleted": "now"})
        )
        choice = effects.Share(
            key="s1", lane=CLOSED, held=held.held, share=True, author=who("maya"), press="p1"
        )
        await house.do(choice)
        assert "was deleted meanwhile" in house.last(events.NotDone).what
        assert not house.layers.written
        assert "merger" not in (await house.store.kept(f"memory:held:{held.held}") or "")


async def test_what_is_not_known_to_be_open_is_not(tmp_path: Path) -> None:
    async with rig(tmp_path) as house:
        await house.do(await house.says("We moved", lane=ThreadKey("discord:1/2/3")))
        house.last(events.RememberHeld)


async def test_ones_own_goes_into_ones_own_layer_beside_what_the_agent_wrote(tmp_path: Path) -> None:
    made = FakeLayers(**{MINE: {memory.OWN_INDEX: "- [Style](style.md): short\n"}})
    async with rig(tmp_path, made=made) as house:
        told = await house.do(await house.says("I sleep at noon", lane=CLOSED, personal=True))
        assert isinstance(told, events.Remembered)
        assert (told.layer, told.lane, told.via) == (MINE, layers.lane(MINE), CLOSED)
        index = (await house.files(MINE))[memory.OWN_INDEX]
        assert index.startswith("- [Style](style.md): short\n- [m")
        assert not await house.files()


async def test_forgetting_by_handle_or_words_or_not_at_all(tmp_path: Path) -> None:
    async with rig(tmp_path) as house:
        for text in ("Staging is at db2", "Production is at db1"):
            told = await house.do(await house.says(text))
        assert isinstance(told, events.Remembered)
        effect = effects.Forget(key="f1", lane=OPEN, words="is at", author=who("ravi"), message="m1")
        await house.do(effect)
        assert len(house.last(events.NotDone).candidates) == 2
        await house.do(replace(effect, key="f2", words="nothing like it", message="m2"))
        assert "No fact" in house.last(events.NotDone).what
        house.failing = 1
        gone = replace(effect, key="f3", words=told.handle, message="m3")
        with pytest.raises(Unavailable):
            await house.do(gone)
        await house.do(gone)
        assert (house.last(events.Forgotten).memo, house.last(events.Forgotten).path) == (
            told.memo,
            told.path,
        )
        files = await house.files()
        assert told.path not in files
        assert "Production" not in files[memory.TEAM_INDEX]
        await house.do(replace(effect, key="f4", words="m" + told.memo, personal=True, message="m4"))
        assert "No fact" in house.last(events.NotDone).what


async def test_of_two_files_of_one_name_one_is_forgotten_by_its_place(tmp_path: Path) -> None:
    async with rig(tmp_path) as house:
        told = await house.do(await house.says("Staging is at db2"))
        assert isinstance(told, events.Remembered)
        copy = f"memory/copied-{told.memo}.md"
        text = (await house.files())[told.path].replace("db2", "db3")
        await house.layers.write(NOTES, "copy", {copy: text}, by="Ravi")
        effect = effects.Forget(key="f1", lane=OPEN, words=told.handle, author=who("ravi"), message="m1")
        await house.do(effect)
        asked = house.last(events.NotDone)
        assert "One name, 2 files" in asked.what
        assert set(asked.candidates) == {
            f"`{told.path}` · Staging is at db2",
            f"`{copy}` · Staging is at db3",
        }
        assert {told.path, copy} < set(await house.files())
        await house.do(replace(effect, key="f2", words=f"`{copy}`", message="m2"))
        gone = house.last(events.Forgotten)
        assert (gone.path, gone.twin) == (copy, told.path)
        assert set(await house.files()) == {told.path, memory.TEAM_INDEX}
        await house.do(replace(effect, key="f3", words=told.handle, message="m3"))
        assert (house.last(events.Forgotten).path, house.last(events.Forgotten).twin) == (told.path, "")


async def test_what_a_copy_says_is_told_once_the_other_file_is_gone(tmp_path: Path) -> None:
    text = "Staging is at db2"
    path = memory.place(text)
    copy = f"memory/copied-{memory.identify(text)}.md"
    file = f"---\nby: Ravi\n---\n\n{text}\n"
    async with rig(tmp_path, notes={path: file, copy: file.replace("db2", "db3")}) as house:
        news = News(store=house.store, clock=FakeClock(), emit=house.emit)
        news.layers = house.layers
        await news(NOTES)
        await house.layers.write(NOTES, "tidy", {}, gone=[path], by="Ravi")
        await news(NOTES)
        moved = house.last(events.LayerMoved)
        assert (moved.gone, [page.path for page in moved.pages]) == ((path,), [copy])


async def test_an_index_follows_files_that_came_in_otherwise(tmp_path: Path) -> None:
    text = "Deploys are on Tuesdays"
    file = {memory.place(text): f"---\nby: Ravi\n---\n\n{text}\n"}
    async with rig(tmp_path, notes=file) as house:
        await house.hands[effects.Reindex](effects.Reindex(key="r", lane=layers.lane(NOTES), layer=NOTES))
        assert text in (await house.files())[memory.TEAM_INDEX]
        wrote = len(house.layers.written)
        await house.hands[effects.Reindex](effects.Reindex(key="r", lane=layers.lane(NOTES), layer=NOTES))
        assert len(house.layers.written) == wrote


async def test_who_pushed_meanwhile_is_in_the_index_too(tmp_path: Path) -> None:
    theirs = "Deploys are on Tuesdays"

    class Overtaken(FakeLayers):
        async def write(self, layer: str, subject: str, files: Any, *, gone: Any = (), by: str) -> str:
            if not self.written:
                other = {
                    memory.place(theirs): f"---\nby: Ravi\n---\n\n{theirs}\n",
                    memory.TEAM_INDEX: f"- {theirs}\n",
                }
                await super().write(layer, "theirs", other, by="Ravi")
            return await super().write(layer, subject, files, gone=gone, by=by)

    async with rig(tmp_path, made=Overtaken()) as house:
        await house.do(await house.says("Staging is at db2"))
        index = (await house.files())[memory.TEAM_INDEX]
        assert (theirs in index, "Staging is at db2" in index) == (True, True)


def test_what_is_given_up_is_told_to_whoever_asked() -> None:
    asked: Any = {"key": "k", "lane": OPEN, "author": who("maya")}
    for effect in (
        effects.Remember(**asked, text="x", message="1"),
        effects.Forget(**asked, words="x", message="1"),
        effects.Jot(**asked, what="pin", words="x", message="1"),
        effects.Share(**asked, held="h", share=True, press="1"),
    ):
        event = aftermath.told(effect, "The disk is gone.", START)
        assert isinstance(event, events.NotDone)
        assert (event.what, event.message, event.author) == ("The disk is gone.", "1", who("maya"))


# ── the agent's tool ─────────────────────────────────────────────────────────────────────────────────────────────────


async def working(house: Rig, lane: ThreadKey = OPEN) -> Loop:
    trigger = await house.wrote("/loop look into it", lane=lane)
    turn = Turn(id=TurnId(f"{'a' * 32}.1"), number=1, prompt="", started_at=START, trigger=trigger)
    loop = Loop(
        id=LoopId("a" * 32), thread=lane, title="t", task="t", driver=MemberId("maya"), driver_identity=who("maya").identity,
        driver_name="Maya", created_at=START, updated_at=START, trigger=trigger, turn=turn,
    )  # fmt: skip
    await house.fact(loop=loop)
    return loop


async def uses(house: Rig, loop: Loop, **given: Any) -> ToolAnswer:
    assert loop.turn is not None
    use = ToolUse(loop=loop.id, thread=loop.thread, turn=loop.turn.id, leg=1, name="remember", input=given)
    return await house.tool(use)


async def promotes(house: Rig, loop: Loop) -> ToolAnswer:
    assert loop.turn is not None
    nothing: Any = None  # a promote that is refused goes no further
    tool = PromoteTool(store=house.store, promoting=nothing, clock=FakeClock())
    asked = {"layer": "notes", "summary": "x"}
    return await tool(
        ToolUse(loop=loop.id, thread=OPEN, turn=loop.turn.id, leg=1, name="promote", input=asked)
    )


async def test_an_agents_fact_rests_on_the_message_it_was_asked_by_or_the_one_it_names(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as house:
        loop = await working(house)
        answer = await uses(house, loop, fact="Tests need Redis")
        told = house.last(events.Remembered)
        assert told.handle in answer.text
        assert (told.layer, told.turn) == (NOTES, TurnId(f"{loop.id}.1"))
        assert told.source == graph.message(message_key(OPEN, loop.trigger))
        assert "learned: aaaaaa" in (await house.files())[told.path]
        said = await house.wrote("Redis 7 it is", name="ravi")
        await uses(house, loop, fact="Redis is version 7", source=f"https://chat/{said}")
        assert house.last(events.Remembered).source == graph.message(message_key(OPEN, said))
        await uses(house, loop, fact="Tests need Redis")
        assert (
            house.last(events.Remembered).known is False
        )  # the same turn said so before: nothing new happens


async def test_from_a_closed_thread_an_agents_fact_is_its_drivers_alone(tmp_path: Path) -> None:
    async with rig(tmp_path) as house:
        loop = await working(house, CLOSED)
        answer = await uses(house, loop, fact="The merger is on")
        assert "no wider" in answer.text
        assert isinstance(house.told[-2], events.Remembered)
        assert house.told[-2].layer == MINE
        assert house.last(events.LearnedAlone).lane == CLOSED
        assert not await house.files()


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"fact": 3}, "are texts"),
        ({"fact": "x y z", "personal": "yes"}, "are texts"),
        ({"fact": "use AKIAABCDEFGHIJKLMNOP"}, "an AWS access key"),
        ({"fact": "x" * 2001}, "2,000"),
        ({"fact": "\u200b\u200b\u200b\u200b"}, "3 to"),
        ({"fact": "so it is", "source": "https://evil.example/x"}, "leads to no message"),
    ],
)
async def test_an_agents_arguments_are_judged(tmp_path: Path, given: dict[str, Any], why: str) -> None:
    async with rig(tmp_path) as house:
        loop = await working(house)
        with pytest.raises(LoopbridgeError, match=why):
            await uses(house, loop, **given)
        assert not house.layers.written


async def test_ten_facts_a_turn_are_enough(tmp_path: Path) -> None:
    async with rig(tmp_path) as house:
        loop = await working(house)
        for number in range(10):
            await uses(house, loop, fact=f"fact number {number}")
        with pytest.raises(LoopbridgeError, match="10 facts"):
            await uses(house, loop, fact="one more")
        assert len(memory.known(await house.files())) == 10


# ── pins ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_pins_are_written_once_whatever_crashes(tmp_path: Path) -> None:
    async with rig(tmp_path) as house:
        jot = effects.Jot(key="j1", lane=OPEN, what="pin", words="Ship 2.0", author=who("maya"), message="1")
        second = replace(jot, key="j2", words="Hire", message="2")
        off = replace(jot, key="j3", what="unpin", words="1", message="3")
        for effect in (jot, second, off):
            house.failing = 1
            with pytest.raises(Unavailable):
                await house.do(effect)
            await house.do(effect)
        assert [event.line for event in house.told if isinstance(event, events.Jotted)] == ["Ship 2.0", "Hire", "Ship 2.0"]  # fmt: skip
        assert focus.items((await house.files())[focus.PAGE]) == ("Hire",)
        await house.do(replace(jot, key="j4", what="inbox", words="look at hunter2", message="4"))
        assert focus.items((await house.files())[focus.INBOX]) == ("look at [secret]",)
        await house.do(replace(jot, key="j5", words="hire", message="5"))
        assert "pinned already" in house.last(events.NotDone).what


async def test_a_loop_that_plans_changes_nothing_whatever_its_session_claims(tmp_path: Path) -> None:
    async with rig(tmp_path) as house:
        loop = replace(await working(house), planning=True)
        await house.fact(loop=loop)
        with pytest.raises(Refused, match="You are planning"):
            await uses(house, loop, fact="Never run the slow tests")
        with pytest.raises(Refused, match="You are planning"):
            await promotes(house, loop)
        assert await house.files() == {}


async def test_what_condenses_the_words_of_many_changes_nothing_by_itself(tmp_path: Path) -> None:
    async with rig(tmp_path) as house:
        loop = replace(await working(house), condenses=Condensing(audience="bridge", sources=()))
        await house.fact(loop=loop)
        for personal in (True, False):
            with pytest.raises(Refused, match="proposes pages"):
                await uses(house, loop, fact="Never run the slow tests", personal=personal)
        assert await house.files(MINE) == await house.files() == {}
        with pytest.raises(BadInput, match="proposes pages"):
            await promotes(house, loop)
