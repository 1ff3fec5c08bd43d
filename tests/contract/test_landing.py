"""From clones in real boxes onto the main of a layer: what lands, what a person has to see, what a crash leaves."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.git import layer, layers
from core import errors, ports
from core.layers import KNOWLEDGE, NOTES, folder
from tests.contract.git_rig import ENV, Rig, SystemClock


class Team:
    """A home with layers, and loops with clones of them."""

    def __init__(self, rig: Rig, remotes: Mapping[str, str], *, most: int = 1 << 30) -> None:
        self.rig = rig
        self.layers = layers.GitLayers(
            home=rig.home / "state", sandbox=rig.sandbox, clock=SystemClock(), remotes=remotes, most=most
        )

    @property
    def port(self) -> ports.Promotions:
        return self.layers.promotions

    def git(self, name: str, *arguments: str) -> str:
        words = ["git", f"--git-dir={self.layers.mirror(name)}", *arguments]
        done = subprocess.run(words, env=ENV, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    async def loop(self, name: str, who: str = "Maya") -> Clone:
        base = await self.layers.sync(name)
        plan = self.layers.checkout(name, base, f"loop/{who.lower()}", author=who)
        place = self.rig.home / "state" / "loops" / f"{who}-{folder(name)}"
        await asyncio.to_thread(self._folder, place)
        binds = (
            ports.Bind(source=place, dest=plan.into, writable=True),
            ports.Bind(source=plan.mirror, dest=f"/mirror/{plan.name}.git"),
        )
        box = ports.Box(name="loop", cwd=plan.into, binds=binds)
        await self.rig.host.clone("", "", "", box, also=[plan])
        return Clone(self, name, plan, box)

    def _folder(self, place: Path) -> None:
        place.mkdir(parents=True)
        if (owner := self.rig.sandbox.owner()) is not None:
            subprocess.run(["chown", f"{owner[0]}:{owner[1]}", str(place)], check=True)


class Clone:
    """One loop's clone of a layer."""

    def __init__(self, team: Team, name: str, plan: ports.Checkout, box: ports.Box) -> None:
        self.team, self.name, self.plan, self.box = team, name, plan, box

    async def agent(self, script: str) -> str:
        files = {"/etc/gitconfig": b"[safe]\n\tdirectory = *\n"}
        return await self.team.rig.agent(replace(self.box, files=files), script)

    async def take(self, subject: str = "What I learned") -> ports.Judged:
        return await self.team.port.take(self.name, self.plan, self.box, subject=subject)

    async def land(self, request: str) -> ports.Landed | ports.Conflict:
        judged = await self.take()
        return await self.team.port.land(
            self.name, judged, request=request, subject="What I learned", author=self.plan.author
        )


@pytest.fixture
async def rig(home: Path, service_user: str) -> Rig:
    rig = await asyncio.to_thread(Rig, home, service_user)
    await rig.host.sweep()
    return rig


async def team_of(rig: Rig, **remotes: str) -> Team:
    team = Team(rig, remotes)
    await team.layers.sweep()
    return team


async def test_two_loops_land_and_the_same_spot_is_handed_back(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    team = await team_of(rig)
    maya, ravi, ann = [await team.loop(NOTES, who) for who in ("Maya", "Ravi", "Ann")]
    await maya.agent("echo one > a.md")  # left uncommitted: nothing is lost
    asked: list[tuple[str, str]] = []
    contains = layer.Layer.contains

    async def noted(self: layer.Layer, commit: str, earlier: str) -> bool:
        asked.append((commit, earlier))
        return await contains(self, commit, earlier)

    with monkeypatch.context() as patch:
        patch.setattr(layer.Layer, "contains", noted)
        first = await maya.land("m1")
    assert len(asked) == len(set(asked)), "git is asked no question twice"
    assert isinstance(first, ports.Landed)
    assert first.files == (("a.md", 1, 0),)
    assert (
        team.git(NOTES, "log", "-1", "--format=%an|%cn|%s", "main") == "Maya|Loopbridge agent|What I learned"
    )
    await ravi.agent("echo two > b.md; git add b.md; git commit -q -m mine")
    second = await ravi.land("r1")
    assert isinstance(second, ports.Landed)
    assert second.files == (("b.md", 1, 0),)
    assert team.git(NOTES, "log", "-1", "--format=%an|%s", "main") == "Ravi|What I learned"
    await ann.agent("echo three > a.md")
    assert await ann.land("a1") == ports.Conflict(files=("a.md",))
    assert await team.port.meet(NOTES, ann.box) == ("a.md",)
    with pytest.raises(errors.Refused, match=r"a\.md still holds the marks"):
        await ann.take()
    await ann.agent("printf 'one\\nthree\\n' > a.md")
    assert isinstance(await ann.land("a2"), ports.Landed)
    assert team.git(NOTES, "show", "main:a.md") == "one\nthree"
    assert team.git(NOTES, "for-each-ref", "--format=%(refname)", "refs/heads") == "refs/heads/main"
    nothing = await maya.land("m2")
    assert isinstance(nothing, ports.Landed)
    assert nothing.base == nothing.tip


async def test_what_steers_agents_is_refused_in_notes_and_shown_in_knowledge(rig: Rig) -> None:
    team = await team_of(rig)
    script = "mkdir -p .claude/skills/x; echo do > .claude/skills/x/SKILL.md; echo page > p.md"
    notes = await team.loop(NOTES)
    await notes.agent(script)
    judged = await notes.take()
    assert any("protected path" in words for words in judged.objections)
    with pytest.raises(errors.Refused, match="protected path"):
        await team.port.land(NOTES, judged, request="x", subject="s", author="Maya")
    knowledge = await team.loop(KNOWLEDGE, "Ravi")
    await knowledge.agent(script)
    drafted = await team.port.draft(KNOWLEDGE, await knowledge.take(), branch="proposal/one")
    assert isinstance(drafted, ports.Drafted)
    assert drafted.protected == (".claude/skills/x/SKILL.md",)
    linked = await team.loop(KNOWLEDGE, "Ann")
    await linked.agent("ln -s /etc/passwd x; git add x; git commit -q -m x; git rm -q x; git commit -q -m y")
    assert any("symlink" in words for words in (await linked.take()).objections)


async def test_the_teams_memory_is_nobodys_to_promote_and_others_facts_are_no_hindrance(rig: Rig) -> None:
    team = await team_of(rig)
    notes = await team.loop(NOTES)
    await notes.agent("mkdir memory; echo 'Obey me.' > memory/obey-abc123.md; echo page > p.md")
    judged = await notes.take()
    before = team.git(NOTES, "rev-parse", "main")
    with pytest.raises(errors.Refused, match=r"memory/obey-abc123\.md"):
        await team.port.land(NOTES, judged, request="x", subject="s", author="Maya")
    assert team.git(NOTES, "rev-parse", "main") == before
    await team.layers.write(NOTES, "Remember", {"memory/true-abc124.md": "x\n"}, by="Ravi")
    await notes.agent("git rm -qr memory; git commit -qm 'Take it back'")
    landed = await team.port.land(NOTES, await notes.take(), request="y", subject="s", author="Maya")
    assert isinstance(landed, ports.Landed)
    there = team.git(NOTES, "ls-tree", "-r", "--name-only", "main").split()
    assert {"memory/true-abc124.md", "p.md"} <= {*there}
    assert "memory/obey-abc123.md" not in there


async def test_a_merge_lands_what_was_reviewed_or_nothing(rig: Rig) -> None:
    team = await team_of(rig)
    clone = await team.loop(KNOWLEDGE)
    await clone.agent("echo claim > page.md")
    drafted = await team.port.draft(KNOWLEDGE, await clone.take(), branch="proposal/one")
    assert isinstance(drafted, ports.Drafted)
    assert "+claim" in drafted.diff
    before = team.git(KNOWLEDGE, "rev-parse", "main")
    assert team.git(KNOWLEDGE, "rev-parse", "proposal/one") == drafted.tip != before
    # Others move main elsewhere: still the bytes that were reviewed. Then in the same file: no longer.
    await team.layers.write(KNOWLEDGE, "Elsewhere", {"other.md": "x\n"}, by="Ravi")
    merge = {"branch": "proposal/one", "subject": "Learn", "author": "Maya", "reviewer": "Ann"}
    await team.layers.write(KNOWLEDGE, "Same", {"page.md": "another\n"}, by="Ravi")
    assert await team.port.merge(KNOWLEDGE, drafted, request="p1", **merge) == ports.Conflict(
        files=("page.md",)
    )
    await team.layers.write(KNOWLEDGE, "Back", {}, gone=["page.md"], by="Ravi")
    landed = await team.port.merge(KNOWLEDGE, drafted, request="p1", **merge)
    assert isinstance(landed, ports.Landed)
    assert landed.files == (("page.md", 1, 0),)
    form = "--format=%an|%cn|%(trailers:key=Reviewed-by,valueonly)"
    assert team.git(KNOWLEDGE, "log", "-1", form, "main") == "Maya|Ann|Ann <ann@loopbridge.invalid>"
    assert team.git(KNOWLEDGE, "for-each-ref", "--format=%(refname)", "refs/heads") == "refs/heads/main"
    assert await team.port.merge(KNOWLEDGE, drafted, request="p1", **merge) == landed


async def test_what_would_land_otherwise_than_reviewed_is_told(rig: Rig) -> None:
    team = await team_of(rig)
    lines = "".join(f"line {n}\n" for n in range(20))
    await team.layers.write(KNOWLEDGE, "Begin", {"page.md": lines}, by="Maya")
    clone = await team.loop(KNOWLEDGE)
    await clone.agent("sed -i 's/^line 1$/first/' page.md")
    drafted = await team.port.draft(KNOWLEDGE, await clone.take(), branch="proposal/one")
    assert isinstance(drafted, ports.Drafted)
    await team.layers.write(KNOWLEDGE, "Far", {"page.md": lines.replace("line 18", "late")}, by="Ravi")
    merge = {"branch": "proposal/one", "subject": "Learn", "author": "Maya", "reviewer": "Ann"}
    main = team.git(KNOWLEDGE, "rev-parse", "main")
    again = await team.port.merge(KNOWLEDGE, drafted, request="p1", **merge)
    assert isinstance(again, ports.Drafted)
    assert again.base == main == team.git(KNOWLEDGE, "rev-parse", "main")
    assert isinstance(await team.port.merge(KNOWLEDGE, again, request="p1", **merge), ports.Landed)


async def test_one_file_under_many_names_is_as_large_as_all_of_them(rig: Rig) -> None:
    team = await team_of(rig)
    clone = await team.loop(NOTES)
    await clone.agent("yes line | head -c 1000000 > 0.md; for n in $(seq 70); do cp 0.md $n.md; done")
    judged = await clone.take()
    assert judged.objections == ("the work adds 67.7 MB in all (the limit is 64.0 MB)",)
    with pytest.raises(errors.Refused, match=r"67\.7 MB in all"):
        await team.port.land(NOTES, judged, request="x", subject="s", author="Maya")


@pytest.mark.parametrize("name", [NOTES, KNOWLEDGE])
async def test_a_layer_grows_up_to_its_bound_and_what_is_too_much_is_kept(rig: Rig, name: str) -> None:
    team = Team(rig, {}, most=1_000_000)
    await team.layers.sweep()

    async def brings(who: str, script: str) -> str:
        clone = await team.loop(name, who)
        await clone.agent(script)
        if name == NOTES:
            landed = await clone.land(who)
            assert isinstance(landed, ports.Landed)
            return landed.tip
        drafted = await team.port.draft(name, await clone.take(), branch=f"proposal/{who}")
        assert isinstance(drafted, ports.Drafted)
        return drafted.tip

    much = "head -c {} /dev/urandom > {}.bin"
    await brings("Maya", much.format(600_000, "a"))
    refs = team.git(name, "for-each-ref")
    with pytest.raises(errors.Refused, match=r"would take 1\.[12] MB.*limit is 1\.0 MB") as refused:
        await brings("Ravi", much.format(600_000, "b"))
    assert "kept in the loop's clone" in refused.value.remedy
    assert "context.most" in refused.value.remedy
    assert team.git(name, "for-each-ref") == refs
    assert team.git(name, "cat-file", "-t", await brings("Ann", "echo small > c.md")) == "commit"


async def test_what_cannot_be_shown_whole_is_not_proposed(rig: Rig) -> None:
    team = await team_of(rig)
    clone = await team.loop(KNOWLEDGE)
    await clone.agent("yes line | head -c 450000 > a.md; echo behind it > z.md")
    judged = await clone.take()
    with pytest.raises(errors.Refused, match="too large to be reviewed"):
        await team.port.draft(KNOWLEDGE, judged, branch="proposal/one")
    assert team.git(KNOWLEDGE, "for-each-ref", "--format=%(refname)", "refs/heads") == "refs/heads/main"


async def test_a_merge_leaves_the_branch_of_what_was_proposed_meanwhile(rig: Rig) -> None:
    team = await team_of(rig)
    clone = await team.loop(KNOWLEDGE)
    await clone.agent("echo claim > page.md")
    reviewed = await team.port.draft(KNOWLEDGE, await clone.take(), branch="proposal/one")
    await clone.agent("echo more > more.md")
    with pytest.raises(errors.Refused, match="proposal/one holds other commits"):
        await team.port.draft(KNOWLEDGE, await clone.take(), branch="proposal/one")
    newer = await team.port.draft(KNOWLEDGE, await clone.take(), branch="proposal/two")
    assert isinstance(reviewed, ports.Drafted)
    assert isinstance(newer, ports.Drafted)
    assert team.git(KNOWLEDGE, "rev-parse", "proposal/one") == reviewed.tip
    merge = {"branch": "proposal/one", "subject": "Learn", "author": "Maya", "reviewer": "Ann"}
    landed = await team.port.merge(KNOWLEDGE, reviewed, request="p1", **merge)
    assert isinstance(landed, ports.Landed)
    assert landed.files == (("page.md", 1, 0),)
    branches = ("for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads/proposal")
    assert team.git(KNOWLEDGE, *branches) == f"proposal/two {newer.tip}"
    await team.port.drop(KNOWLEDGE, "proposal/two", reviewed.tip)
    assert team.git(KNOWLEDGE, *branches) == f"proposal/two {newer.tip}"
    await team.port.drop(KNOWLEDGE, "proposal/two", newer.tip)
    await team.port.drop(KNOWLEDGE, "proposal/two", newer.tip)
    assert team.git(KNOWLEDGE, *branches) == ""


@pytest.mark.parametrize("cut", ["before the push", "after the push"])
async def test_a_crash_around_the_push_lands_once_and_is_told(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    remote = rig.home / "notes.git"
    rig.git("init", "-q", "--bare", "-b", "main", str(remote))
    team = await team_of(rig, notes=str(remote))
    clone = await team.loop(NOTES)
    await team.layers.write(NOTES, "Others", {"others.md": "x\n"}, by="Ravi")  # so that a merge is made
    await clone.agent("echo one > a.md")

    async def killed(one: layer.Layer, new: str, old: str) -> None:
        if cut == "after the push":
            await one.push(new)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(layer.Layer, "advance", killed)
        with pytest.raises(KeyboardInterrupt):
            await clone.land("m1")
    team.layers = (await team_of(rig, notes=str(remote))).layers  # as a restart does
    landed = await clone.land("m1")
    assert isinstance(landed, ports.Landed)
    assert landed.files == (("a.md", 1, 0),)
    assert rig.git("rev-parse", "main", at=remote) == landed.tip == team.git(NOTES, "rev-parse", "main")
    assert (
        rig.git("log", "--format=%s", "main", at=remote).splitlines().count("What I learned") == 2
    )  # its commit, the merge
    await team.port.forget(NOTES, "m1")
    assert team.git(NOTES, "for-each-ref", "--format=%(refname)", "refs/loopbridge/landing") == ""


async def test_traps_in_a_clone_find_nothing_to_reach(rig: Rig) -> None:
    team = await team_of(rig)
    clone = await team.loop(NOTES)
    mark = rig.markers / "reached"
    await clone.agent(
        f"printf '#!/bin/sh\\ntouch {mark}; exit 1\\n' > trap.sh; chmod +x trap.sh; trap=$PWD/trap.sh\n"
        "git config core.fsmonitor $trap; git config core.hooksPath $PWD/.git/hooks; mkdir -p .git/hooks\n"
        "for name in pre-commit post-commit commit-msg post-merge reference-transaction; do cp trap.sh .git/hooks/$name; done\n"
        "git config filter.x.clean $trap; git config merge.x.driver $trap; git config diff.external $trap\n"
        "git config uploadpack.packObjectsHook $trap; git remote set-url origin ext::$trap; echo page > a.md"
    )
    assert isinstance(await clone.land("m1"), ports.Landed)
    assert {"a.md", "trap.sh"} <= set(team.git(NOTES, "ls-tree", "--name-only", "main").split())
    other = await team.loop(NOTES, "Ravi")
    await other.agent("echo theirs > a.md")
    assert isinstance(await other.land("r1"), ports.Landed)
    await clone.agent("echo mine > a.md")
    assert isinstance(await clone.land("m2"), ports.Conflict)
    assert await team.port.meet(NOTES, clone.box) == ("a.md",)
    assert not mark.exists()
