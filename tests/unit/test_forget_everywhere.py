"""A word planted in each way in which somebody's words can enter: after `forget` none of them stands anywhere. Effects: temp homes, real git.

Looked through is what is on the disk: the database's file as bytes, the journal's newest commit, every other file of the home.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from adapters.store import forgetting as compaction
from adapters.store import opening
from bridge import forgetting
from config import settings as configuration
from core import effects, errors, events, focus, graph, layers, policy, proposals
from core.ids import CallId, LoopId, ThreadKey, message_key
from core.message import Message, Text
from core.proposals import Grounds
from tests.unit.journal_rig import Rig, Telling, lane, who
from tests.unit.test_forget import everything, forgetter, rebuilt_digest, weighs

ASKED = {
    "questions": [
        {"question": "Which?", "header": "Which", "options": [{"label": "a", "description": "a"}, {"label": "b", "description": "b"}], "multiSelect": False},
        {"question": "And how?", "header": "How", "options": [{"label": "c", "description": "c"}, {"label": "d", "description": "d"}], "multiSelect": False},
    ]
}  # fmt: skip


@pytest.fixture
def rig(home: Path) -> Rig:
    return Rig(root=home / "h")


@dataclass
class Plants:
    """Words that nobody else says, by the way each came in."""

    rig: Rig
    telling: Telling
    ways: dict[str, str] = field(default_factory=dict)

    def word(self, way: str) -> str:
        word = f"planted{len(self.ways):02}q"
        self.ways[word] = way
        return word

    async def loop(self, thread: ThreadKey) -> LoopId:
        loop = (await self.telling.store.desk(thread)).loop
        assert loop is not None
        return loop.id

    async def calls(self, thread: ThreadKey, call: str, tool: str, given: dict[str, Any]) -> None:
        text = json.dumps(given)
        await self.telling.tell(
            events.ToolCalled(
                **await self.telling.of_turn(thread), call=CallId(call), tool=tool, input=text, digest=policy.digest(tool, text), why="because",
            )
        )  # fmt: skip

    async def file(self, thread: ThreadKey, path: str, text: str) -> None:
        place = self.rig.home.loops / await self.loop(thread) / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")

    async def proposes(self, thread: ThreadKey, number: int, *sources: str) -> None:
        loop = await self.loop(thread)
        tip = await drafted(self.rig, number, self.word(f"draft of proposal {number}"))
        grounds = Grounds(claim=f"claim:knowledge/{number}.md#1", path=f"{number}.md", text=self.word(f"claim {number}"), sources=sources)  # fmt: skip
        await self.telling.tell(events.Proposed(
            lane=thread, at=self.telling.clock.now(), loop=loop, turn=None, request=f"r{number}", layer=layers.KNOWLEDGE, proposal=f"{number:032x}",
            title=self.word(f"title of proposal {number}"), base="a" * 40, tip=tip, digest="d", files=((f"{number}.md", 1, 0),), protected=(),
            diff=self.word(f"diff of proposal {number}"), unproven=(self.word(f"unproven of proposal {number}"),), grounds=(grounds,) if sources else (),
        ))  # fmt: skip


async def left(rig: Rig, ways: dict[str, str]) -> list[str]:
    """Return the ways by which a word is still found, and where."""
    await asyncio.to_thread(compaction.compact, opening.path_of(rig.url()))
    texts = dict(await asyncio.to_thread(lambda: [*_files(rig.root)]))
    texts["journal or database"] = await everything(rig)
    texts["drafts"] = await asyncio.to_thread(git, rig, "log", "--all", "-p")
    # A branch that is the team's is named after its task's first words.
    texts = {name: re.sub(r"loop/mend-planted\d+q", "", text.lower()) for name, text in texts.items()}
    return [
        f"{way} ({word}): {name}"
        for word, way in ways.items()
        for name, text in texts.items()
        if word in text and re.search(rf"\b{word}\b", text)
    ]


def git(rig: Rig, *arguments: str) -> str:
    command = ["git", f"--git-dir={rig.home.layer(layers.KNOWLEDGE)}", *arguments]
    made = {f"GIT_{role}_{what}": "x" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = {"PATH": os.environ["PATH"], **made}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout.strip()


async def drafted(rig: Rig, number: int, word: str) -> str:
    """Make the branch of a draft; return its commit."""
    tip = await asyncio.to_thread(git, rig, "commit-tree", "main^{tree}", "-p", "main", "-m", word)
    branch = proposals.branch(f"{number:032x}", tip)
    await asyncio.to_thread(git, rig, "update-ref", f"refs/heads/{branch}", tip)
    return tip


def _files(root: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(root.rglob("*")):
        if path.is_file() and "journal.git" not in path.parts:
            yield str(path.relative_to(root)), path.read_bytes().decode("latin-1")


async def what_is_said(plants: Plants, thread: ThreadKey) -> str:
    """Plant what a person says beside any loop; return the node of a message."""
    telling, word = plants.telling, plants.word
    said = await telling.says(
        thread, "ada", f"look at {word('message')}", files=(events.FileRef(id="f7", name=f"{word('file')}.txt"),),
        permalink=f"https://x/{word('permalink')}",
    )  # fmt: skip
    edited = await telling.says(thread, "ada", f"first {word('message before its edit')}")
    await telling.edits(thread, edited, "ada", f"then {word('message after its edit')}")
    await telling.says(thread, "ada", f"/loop decide {word('decision')}")
    await telling.says(thread, "ada", f"/loop remember {word('remember')}")
    await telling.says(thread, "ada", f"/loop focus pin {word('pin')}")
    await telling.says(thread, "ada", f"/loop inbox {word('inbox')}")
    await telling.says(thread, "ada", f'/loop schedule "hourly" {word("schedule")}')
    key = graph.message(message_key(thread, said))
    found = events.Source(
        key=key, kind="message", audience=thread, title="t", text=word("what somebody pointed at"), author="Ada", said_at=telling.clock.now(),
        digest="d",
    )  # fmt: skip
    await telling.tell(
        events.Referred(lane=lane(50), at=telling.clock.now(), wants="decide", author=who("maya"), message="77", found=found)
    )  # fmt: skip
    return key


async def a_loop_of_theirs(plants: Plants, thread: ThreadKey) -> None:
    """Plant what a person says to a loop that they drive, and what it answers."""
    telling, word = plants.telling, plants.word
    await telling.starts(thread, "ada", f"--tag {word('tag')} mend {word('task')}")
    await telling.store.transcribe("s1", [json.dumps(word("session"))])
    await telling.store.transcribe("older", [json.dumps(word("session nobody goes on from"))])
    await telling.calls(thread, "c1", "make one")
    await telling.decides(thread, "ada", "edit", f"make {word('edited call')}")
    await telling.calls(thread, "c2", "make two")
    await telling.decides(thread, "ada", "deny", word("reason"))
    await plants.calls(thread, "c3", "AskUserQuestion", ASKED)
    await telling.decides(thread, "ada", "answer", word("answer"))
    await telling.decides(thread, "ada", "answer", word("second answer"))
    await telling.says(thread, "ada", f"and also {word('reply')}")
    await telling.tell(
        events.TurnResult(**await telling.of_turn(thread), text=word("first answer"), session="s1")
    )
    await telling.results(thread, f"Done, {word('agent’s answer')}.", "e" * 40)
    await telling.says(thread, "ada", f"/loop rename {word('title')}")
    await telling.says(thread, "ada", f"/loop promote knowledge {word('summary')}")
    await plants.file(thread, "capsule/thread.xml", word("capsule"))
    await plants.file(thread, "inbox/a.txt", word("inbox of a loop"))
    await plants.file(thread, "home/.claude/x.jsonl", word("transcript"))


async def loops_of_others(plants: Plants, theirs: ThreadKey, key: str) -> None:
    """Plant what a person says to loops that others drive, and what such a loop makes of their words."""
    telling, word = plants.telling, plants.word
    other = lane(41)
    loop = await telling.starts(other, "maya", "look around")
    made = events.CapsuleMade(
        lane=other, at=telling.clock.now(), loop=loop, made="m", digest="d", others=(key,)
    )
    await telling.tell(made)
    await plants.file(other, "capsule/thread.xml", word("capsule of somebody else’s loop"))
    await plants.proposes(other, 1, key)
    await telling.results(other, "Looked.", "9" * 40)
    await telling.says(other, "maya", "/loop done")
    digest = Message(blocks=(Text(text=f"moved: {word('digest')}"),))
    await telling.tell(events.JobSaid(lane=lane(42), at=telling.clock.now(), job="digest", due=telling.clock.now(), message=digest))  # fmt: skip


async def follows(plants: Plants, thread: ThreadKey) -> None:
    """Plant what a person says to a loop from a thread that follows it, as it waits for its next turn."""
    telling, follower = plants.telling, lane(35)
    loop = await plants.loop(thread)
    await telling.tell(
        events.Followed(
            lane=thread, at=telling.clock.now(), loop=loop, follower=follower, author=who("maya"), message="1"
        )
    )
    await telling.says(follower, "ada", f"to whoever reads this: {plants.word('words from another thread')}")
    (relay,) = [job.effect for job in await telling.store.jobs() if isinstance(job.effect, effects.Relay)]
    await telling.tell(relay.event)
    desk = await telling.store.desk(thread)
    assert desk.loop is not None
    assert "planted" in desk.loop.inputs[-1].text


async def carried_out(telling: Telling) -> None:
    """Count everything that was to be done as done."""
    await asyncio.gather(*(telling.store.finish(job.id, posted="1") for job in await telling.store.jobs()))


async def waits_elsewhere(telling: Telling, thread: ThreadKey) -> None:
    """Leave something to be posted in another thread that names a loop of this one."""
    loop = (await telling.store.desk(thread)).loop
    assert loop is not None
    at, named = telling.clock.now(), Message(blocks=(Text(text=f"moved: {loop.title}"),))
    await telling.tell(events.JobSaid(lane=lane(43), at=at, job="digest", due=at, message=named))


async def test_no_word_of_a_person_is_left(rig: Rig) -> None:
    async with rig.telling() as telling:
        plants = Plants(rig, telling)
        await telling.admits()
        key = await what_is_said(plants, lane(30))
        await a_loop_of_theirs(plants, lane(31))
        await loops_of_others(plants, lane(30), key)
        await plants.proposes(lane(31), 2)
        # One that they began and somebody else drives now, in which both said something.
        handed = lane(33)
        await telling.starts(handed, "ada", f"mend {plants.word('task of a loop that was handed on')}")
        await telling.results(handed, f"Yes, {plants.word('answer in a loop that was handed on')}.", "8" * 40)
        await telling.says(handed, "ada", "/loop handoff @maya", mentions=(who("maya").identity,))
        # One of somebody else's that they spoke to.
        theirs = lane(34)
        await telling.starts(theirs, "maya", "mend the clock")
        await telling.says(theirs, "ada", f"/loop rename {plants.word('title of somebody else’s loop')}")
        file = events.FileRef(id="f9", name=f"{plants.word('file for somebody else’s loop')}.txt")
        await telling.says(
            theirs,
            "ada",
            f"@loop {plants.word('reply to somebody else’s loop')}",
            addressed=True,
            files=(file,),
        )
        await telling.calls(theirs, "c4", "make four")
        await telling.decides(theirs, "ada", "deny", plants.word("reason in somebody else’s loop"))
        await plants.calls(theirs, "c5", "AskUserQuestion", ASKED)
        await telling.decides(theirs, "ada", "answer", plants.word("answer in somebody else’s loop"))
        await telling.decides(theirs, "maya", "answer", "c")
        await telling.tell(events.TurnResult(**await telling.of_turn(theirs), text="Mending.", session="s1"))
        await telling.results(theirs, "Mended.", "7" * 40)
        await follows(plants, theirs)
        # One to whose proposal they said something, from another thread.
        edited = lane(44)
        await telling.starts(edited, "maya", "write it down")
        await plants.proposes(edited, 3)
        await telling.results(edited, "Proposed.", "5" * 40)
        await weighs(telling, 3, "edit", "ada", plants.word("what is to be changed in a proposal"))
        await telling.results(edited, "Changed.", "4" * 40)
        await weighs(telling, 1, "reject", "ada", plants.word("reason of a rejection"))
        await carried_out(telling)
        await waits_elsewhere(telling, lane(31))
        plan = await forgetter(rig, telling).plan("@ada")
        await forgetter(rig, telling).forget(plan)
        graph_left = await telling.store.digest()
    theirs_alone = {word: way for word, way in plants.ways.items() if not way.endswith(" 3")}
    found = await left(rig, {**theirs_alone, "ada": "the name"})
    assert not found, "\n".join(found)
    assert await rebuilt_digest(rig) == graph_left


async def test_no_word_of_a_thread_is_left(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    async with rig.telling() as telling:
        plants = Plants(rig, telling)
        await telling.admits()
        key = await what_is_said(plants, lane(31))
        await a_loop_of_theirs(plants, lane(31))
        await loops_of_others(plants, lane(31), key)
        await plants.proposes(lane(31), 2)
        await weighs(telling, 1, "reject", "maya", "not now")
        await carried_out(telling)
        await waits_elsewhere(telling, lane(31))
    # As the command line does it.
    known = await asyncio.to_thread(configuration.load, rig.root, {})
    assert await forgetting.main(known, lane(31), yes=True) == 0
    assert "2 drafts of proposals that nobody merged" in capsys.readouterr().out
    found = await left(rig, plants.ways)
    assert not found, "\n".join(found)
    async with rig.telling() as telling:
        graph_left = await telling.store.digest()
    assert await rebuilt_digest(rig) == graph_left


async def test_a_thread_that_followed_a_loop_of_another(rig: Rig) -> None:
    async with rig.telling() as telling:
        plants = Plants(rig, telling)
        await telling.admits()
        followed = lane(34)
        loop = await telling.starts(followed, "maya", "mend the clock")
        await telling.results(followed, "Mended.", "7" * 40)
        await telling.says(followed, "maya", "it ticks")
        await telling.results(followed, "It ticks.", "6" * 40)
        await follows(plants, followed)
        await forgetter(rig, telling).forget(await forgetter(rig, telling).plan(lane(35)))
        left_of = await telling.store.loop(loop)
        assert left_of is not None
        assert (left_of.live, left_of.followers, left_of.inputs, left_of.task) == (
            True,
            (),
            (),
            "mend the clock",
        )
        assert (await telling.store.desk(lane(35))).follows is None
        assert "it ticks" in [
            node.text for node in (await telling.store.thread_messages(followed, limit=9))[0]
        ]
        graph_left = await telling.store.digest()
    found = await left(rig, plants.ways)
    assert not found, "\n".join(found)
    assert await rebuilt_digest(rig) == graph_left


async def test_what_stays_is_said(rig: Rig) -> None:
    async with rig.telling() as telling:
        plants = Plants(rig, telling)
        await telling.admits()
        key = await what_is_said(plants, lane(30))
        pin = next(word for word, way in plants.ways.items() if way == "pin")
        page = events.Page(path=focus.PAGE, text=f"# Focus\n\n- {pin}\n- somebody else’s\n")
        at = telling.clock.now()
        await telling.tell(
            events.LayerMoved(
                lane=layers.lane(layers.NOTES), at=at, layer=layers.NOTES, base="", tip="t", pages=(page,)
            )
        )
        await telling.starts(lane(41), "maya", "look around")
        await plants.proposes(lane(41), 1, key)
        (before,) = await telling.store.proposals()
        await telling.tell(
            events.CapsuleMade(lane=lane(41), at=at, loop=before.loop, made="m", digest="d", others=(key,))
        )
        with pytest.raises(errors.Refused, match="at work"):
            await forgetter(rig, telling).plan("@ada")
        await telling.results(lane(41), "Looked.")
        plan = await forgetter(rig, telling).plan("@ada")
        for words in (
            f"1 draft of proposals that wait and rest on it ({before.handle})",
            "1 line of the team's notes (focus.md, inbox.md)",
            f"The folders of live loops ({before.loop[:6]})",
            "what they answered to others",
        ):
            assert words in plan.said(), plan.said()
        await forgetter(rig, telling).forget(plan)
        (waits,) = await telling.store.proposals()
        assert [(each.text, each.how) for each in waits.shaken] == [("", "deleted")]
        assert (waits.digest, waits.tip, waits.branch) == (before.digest, before.tip, before.branch)
        assert len(waits.unproven) == len(before.unproven), (
            "a reviewer still hears that something is unproven"
        )
    assert await asyncio.to_thread(git, rig, "rev-parse", waits.branch) == waits.tip
    found = await left(
        rig, {word: way for word, way in plants.ways.items() if way not in ("pin", "draft of proposal 1")}
    )
    assert not found, "\n".join(found)
