"""The layers of context, as people and their loops live with them: isolation, promoting, proposals, what stays whose."""

from __future__ import annotations

import json
import subprocess
from contextlib import AsyncExitStack
from pathlib import Path

from tests.contract.git_rig import ENV
from tests.scenarios.house import House, Person, Talk, house, until

SCRIPT = Path(__file__).with_name("layers.toml").read_text(encoding="utf-8")


def git(at: Path, *arguments: str, stdin: str = "") -> str:
    words = ["git", f"--git-dir={at}", *arguments]
    done = subprocess.run(words, env=ENV, input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def colleague(origin: Path, path: str, text: str) -> str:
    """Put a page onto an origin's main, as somebody with git and no bridge does."""
    head = git(origin, "rev-parse", "main") if git(origin, "for-each-ref", "refs/heads/main") else ""
    behind = f"from {head}\n" if head else ""
    git(origin, "fast-import", "--quiet", stdin=(
        f"commit refs/heads/main\ncommitter Ann <ann@example.org> 1767600000 +0000\ndata 4\nMine\n{behind}"
        f"M 100644 inline {path}\ndata {len(text)}\n{text}\ndone\n"
    ))  # fmt: skip
    return git(origin, "rev-parse", "main")


def heads(origin: Path) -> list[str]:
    return git(origin, "for-each-ref", "--format=%(refname:short)", "refs/heads").split()


class Team:
    """A house with members and remotes for its layers."""

    def __init__(self, home: House, stack: AsyncExitStack) -> None:
        self.home, self.stack = home, stack
        self.notes, self.knowledge = home.root / "notes.git", home.root / "knowledge.git"

    def remotes(self) -> None:
        for path in (self.notes, self.knowledge):
            path.mkdir()
            git(path, "init", "-q", "--bare", "-b", "main")
        self.home.configure(f'[context]\nnotes = "{self.notes}"\nknowledge = "{self.knowledge}"\n')

    async def person(self, name: str) -> Person:
        return await self.stack.enter_async_context(self.home.person(name))

    async def member(self, name: str, admin: Talk) -> Person:
        person = await self.person(name)
        await person.opens("hello")
        said = await admin.says(f"/loop people add @{name} member")
        await admin.sees(f"{name} is a member", after=said)
        return person


async def begun(stack: AsyncExitStack, *, remotes: bool = True) -> Team:
    team = Team(await stack.enter_async_context(house(SCRIPT)), stack)
    if remotes:
        team.remotes()
    await stack.enter_async_context(team.home.bridge())
    return team


async def test_a_loop_keeps_to_what_it_began_with_and_promotes_without_overwriting() -> None:
    async with AsyncExitStack() as stack:
        team = await begun(stack)
        maya = await team.person("maya")
        await until(lambda: heads(team.notes) == ["main"])  # an empty remote got ours
        colleague(team.notes, "a.md", "before\n")
        first = await maya.opens("/loop read: notes/a.md")
        await first.answered("before")
        colleague(team.notes, "b.md", "after\n")
        said = await first.says("read: notes/b.md")
        await first.answered("does not exist", after=said)
        cached = await maya.opens("/loop --cached read: notes/b.md")
        await cached.answered("does not exist")
        latest = await maya.opens("/loop read: notes/b.md")
        await latest.answered("after")
        # Both the first and the latest promote: others' work is absorbed, nothing is overwritten, no branch is left.
        said = await first.says("promote: notes c.md = from the first")
        await first.answered("Promoted to notes: `c.md` +1 −0 · commit", after=said)
        said = await latest.says("promote: notes d.md = from the latest")
        await latest.answered("Promoted to notes: `d.md` +1 −0", after=said)
        assert git(team.notes, "ls-tree", "--name-only", "main").split() == [
            "README.md",
            "a.md",
            "b.md",
            "c.md",
            "d.md",
        ]
        assert heads(team.notes) == ["main"]
        assert "Maya|Keep d.md" in git(team.notes, "log", "--format=%an|%s", "main")
        # The same spot: the second is handed the conflict, puts both together in its clone, lands.
        said = await cached.says("promote: notes c.md = from the cached")
        await cached.answered("Promoted to notes: `c.md` +1 −1", after=said)
        assert git(team.notes, "show", "main:c.md") == "theirs and from the cached"
        # What nobody promoted is kept until somebody does.
        said = await first.says("keep: notes/e.md = forgotten")
        await first.answered("Done", after=said)
        said = await first.says("/loop promote notes")
        await first.sees("Promoted to notes: `e.md` +1 −0", after=said)
        said = await first.says("/loop promote")
        await first.sees(
            "Nothing in its layers is new: everything the loop wrote there is on main already.", after=said
        )
        sha = git(team.notes, "log", "-1", "--format=%h", "main")
        said = await first.says(f"/loop why {sha}")
        await first.sees("Read: notes/a.md", after=said)
        lock = json.loads(next((team.home.home / "loops").glob("*/lock.json")).read_text())
        assert set(lock["layers"]) == {"knowledge", "notes", "personal"}


async def test_knowledge_waits_for_a_member_and_lands_as_it_was_reviewed() -> None:
    async with AsyncExitStack() as stack:
        team = await begun(stack)
        maya = await team.person("maya")
        await until(lambda: heads(team.knowledge) == ["main"])
        before = git(team.knowledge, "rev-parse", "main")
        talk = await maya.opens("/loop promote: knowledge clock.md = Clocks are passed in")
        card = await talk.sees("[1] Merge")
        await talk.answered("waits in the thread for a member to merge it")
        assert "+Clocks are passed in" in talk.text(card)
        assert git(team.knowledge, "rev-parse", "main") == before
        (branch,) = [name for name in heads(team.knowledge) if name != "main"]
        # Somebody who is no member moves nothing; a member merges from another thread.
        eve = await team.person("eve")
        await eve.joins(talk).presses(card, "Merge")
        await eve.joins(talk).sees("That is for members of this bridge")
        ravi = await team.member("ravi", talk)
        handle = branch.removeprefix("proposal/")[:6]
        elsewhere = await ravi.opens("/loop proposals")
        await elsewhere.sees(handle)
        await elsewhere.says(f"/loop merge {handle}")
        await elsewhere.sees(f"Proposal {handle} is merged")
        await talk.sees("✓ merged by Ravi")
        form = "--format=%an|%cn|%(trailers:key=Reviewed-by,valueonly)"
        assert git(team.knowledge, "log", "-1", form, "main") == "Maya|Ravi|Ravi <ravi@loopbridge.invalid>"
        assert git(team.knowledge, "show", "main:clock.md") == "Clocks are passed in"
        assert heads(team.knowledge) == ["main"]
        # Main moves in the reviewed file: it is not merged until the loop has put it right and somebody looked again.
        said = await talk.says("promote: knowledge more.md = Second")
        card = await talk.sees("[1] Merge", after=said)
        colleague(team.knowledge, "more.md", "Theirs\n")
        await talk.presses(card, "Merge")
        stale = await talk.sees("others have changed the same places of `more.md`", after=said)
        tip = git(team.knowledge, "rev-parse", "main")
        await talk.presses(stale, "Edit by the loop…", "more.md = Both")
        again = await talk.sees("What was reviewed before counts no more.", after=said)
        await talk.presses(again, "Reject…", "we know better now")
        await talk.sees("✗ rejected by Maya")
        assert git(team.knowledge, "rev-parse", "main") == tip
        (kept,) = [name for name in heads(team.knowledge) if name != "main"]
        assert git(team.knowledge, "show", f"{kept}:more.md").splitlines()
        await talk.sees("because we know better now")


async def test_what_steers_agents_needs_an_admin_and_personal_stays_with_its_member() -> None:
    async with AsyncExitStack() as stack:
        team = await begun(stack, remotes=False)
        maya = await team.person("maya")
        talk = await maya.opens("/loop promote: knowledge .claude/skills/x/SKILL.md = Do this")
        card = await talk.sees("It changes how agents work: `.claude/skills/x/SKILL.md`.")
        ravi = await team.member("ravi", talk)
        await ravi.joins(talk).presses(card, "Merge")
        await ravi.joins(talk).sees("Maya can merge it.")
        await talk.presses(card, "Merge")
        await talk.sees("✓ merged by Maya")
        knowledge = team.home.home / "context" / "knowledge.git"
        assert git(knowledge, "show", "main:.claude/skills/x/SKILL.md") == "Do this"
        said = await talk.says("promote: notes .mcp.json = {}")
        await talk.answered("a protected path", after=said)
        # Her own notes: nothing of them is told but their number, and whoever takes the loop over never sees them.
        said = await talk.says("promote: personal diary.md = a secret of mine")
        await talk.answered("Promoted 1 file to your own notes.", after=said)
        other = await maya.opens("/loop read: personal/diary.md")
        await other.answered("a secret of mine")
        said = await other.says("/loop handoff @ravi")
        await other.sees("goes on in a fresh session without them.", after=said)
        hers = ravi.joins(other)
        said = await hers.says("read: personal/diary.md")
        await hers.answered("does not exist", after=said)
        said = await hers.says("/loop promote personal")
        await hers.sees("has no personal of its own any more", after=said)
        own = await ravi.opens("/loop read: personal/diary.md")
        await own.answered("does not exist")
        assert not [text for text in [*talk.texts, *hers.texts] if "diary" in text and "Promoted" in text]


async def test_what_began_alone_becomes_the_teams_by_naming_a_remote() -> None:
    async with AsyncExitStack() as stack:
        team = Team(await stack.enter_async_context(house(SCRIPT)), stack)
        async with team.home.bridge(), team.home.person() as maya:
            talk = await maya.opens("/loop promote: notes a.md = written alone")
            await talk.answered("Promoted to notes: `a.md` +1 −0")
        team.remotes()
        colleague(team.notes, "theirs.md", "theirs\n")  # a remote that knows nothing of ours is left as it is
        theirs = git(team.notes, "rev-parse", "main")
        async with team.home.bridge(), team.home.person() as maya:
            talk = await maya.opens("/loop read: notes/a.md")
            await talk.answered("written alone")
            await talk.sees("the newest notes (The layer notes here and its remote have no history in common")
        assert git(team.notes, "rev-parse", "main") == theirs
        git(team.notes, "update-ref", "-d", "refs/heads/main")
        async with team.home.bridge(), team.home.person() as maya:
            talk = await maya.opens("/loop read: notes/a.md")
            await talk.answered("written alone")
            said = await talk.says("promote: notes b.md = written together")
            await talk.answered("Promoted to notes: `b.md` +1 −0", after=said)
        assert {"a.md", "b.md"} <= set(git(team.notes, "ls-tree", "--name-only", "main").split())
        assert "theirs.md" not in git(team.notes, "ls-tree", "--name-only", "main").split()
