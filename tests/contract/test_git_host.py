"""GitHost on a real origin, with real boxes: mirrors, clones, promotion, restarts."""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.git import host, mirror, safe
from core import errors, ports
from tests.contract.git_rig import Rig

FIX = "echo fixed > fix.txt && git add -A && git commit -qm 'Fix it'"


@pytest.fixture
async def rig(home: Path, service_user: str) -> Rig:
    rig = await asyncio.to_thread(Rig, home, service_user)
    await rig.host.sweep()
    return rig


async def test_a_clean_change_lands_at_the_origin(rig: Rig) -> None:
    box, base = await rig.cloned("one", "loop/fix-1")
    await rig.agent(box, FIX)
    judged = await rig.host.take_in("demo", "loop/fix-1", base, box)
    assert judged.objections == ()
    (commit,) = judged.commits
    assert (commit.sha, commit.parents, commit.subject) == (judged.tip, (base,), "Fix it")
    assert (commit.author, commit.files) == ("Loopbridge agent", (("fix.txt", 1, 0),))
    assert rig.in_mirror("loop/fix-1") == ""
    assert await rig.host.land("demo", "loop/fix-1", judged) == "origin, branch loop/fix-1"
    assert rig.in_origin("loop/fix-1") == rig.in_mirror("loop/fix-1") == judged.tip
    rig.git("fsck", "--strict", at=rig.origin)
    assert list((rig.home / "state" / "quarantine").glob("*/*")) == []


async def test_no_new_commits_are_no_commits(rig: Rig) -> None:
    box, base = await rig.cloned("one", "loop/x")
    judged = await rig.host.take_in("demo", "loop/x", base, box)
    assert (judged.tip, judged.commits, judged.objections) == (base, (), ())


async def test_two_loops_work_on_one_mirror_and_each_may_promote_twice(rig: Rig) -> None:
    (a, base), (b, _) = await asyncio.gather(rig.cloned("a", "loop/a"), rig.cloned("b", "loop/b"))
    for round_ in ("1", "2"):
        for name, box in (("a", a), ("b", b)):
            await rig.agent(box, f"echo {round_} > {name} && git add -A && git commit -qm '{name} {round_}'")
        taken = await asyncio.gather(
            rig.host.take_in("demo", "loop/a", base, a), rig.host.take_in("demo", "loop/b", base, b)
        )
        await asyncio.gather(
            rig.host.land("demo", "loop/a", taken[0]), rig.host.land("demo", "loop/b", taken[1])
        )
        assert [len(judged.commits) for judged in taken] == [int(round_)] * 2
        assert [rig.in_origin("loop/a"), rig.in_origin("loop/b")] == [judged.tip for judged in taken]


async def test_sync_follows_the_origin_and_leaves_loops_alone(rig: Rig) -> None:
    box, base = await rig.cloned("one", "loop/x")
    await rig.agent(box, FIX)
    judged = await rig.host.take_in("demo", "loop/x", base, box)
    await rig.host.land("demo", "loop/x", judged)
    rig.commit("b.txt", "b\n", "On a branch", branch="feature")
    rig.git("update-ref", "-d", "refs/heads/loop/x", at=rig.origin)
    newer = rig.commit("README.md", "newer\n", "More")
    assert await rig.host.sync("demo") == newer == await rig.host.resolve("demo", "main")
    assert await rig.host.resolve("demo", "loop/x") == judged.tip
    rig.git("update-ref", "-d", "refs/heads/feature", at=rig.origin)
    rig.git("push", "-q", "-f", str(rig.origin), f"{base}:refs/heads/main", at=rig.seed)
    assert await rig.host.sync("demo") == base
    with pytest.raises(errors.BadInput) as unknown:
        await rig.host.resolve("demo", "mian")
    assert "“main”" in unknown.value.remedy


async def test_the_default_branch_is_the_one_the_origin_names(rig: Rig) -> None:
    trunk = rig.commit("t.txt", "t\n", "Trunk", branch="trunk")
    rig.git("symbolic-ref", "HEAD", "refs/heads/trunk", at=rig.origin)
    assert await rig.host.sync("demo") == trunk
    rig.git("symbolic-ref", "HEAD", "refs/heads/main", at=rig.origin)
    assert await rig.host.sync("demo") == rig.in_origin("main")


async def test_an_unreachable_origin_leaves_the_mirror_as_it_was(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    known = await rig.host.sync("demo")
    rig.origin.rename(rig.home / "away")
    with caplog.at_level(logging.WARNING):
        assert await rig.host.sync("demo") == known
    assert "git.origin_unreachable" in caplog.messages


async def test_an_unreachable_origin_and_no_mirror_is_unavailable(rig: Rig) -> None:
    rig.origin.rename(rig.home / "away")
    with pytest.raises(errors.Unavailable) as gone:
        await rig.host.sync("demo")
    assert gone.value.remedy
    with pytest.raises(errors.BadInput) as unknown:
        await rig.host.sync("dmo")
    assert "“demo”" in unknown.value.remedy


async def test_an_empty_origin_is_said_to_be_empty(rig: Rig) -> None:
    rig.git("init", "-q", "--bare", str(rig.home / "empty.git"))
    empty = rig.build(origins={"empty": str(rig.home / "empty.git")})
    with pytest.raises(errors.BadInput, match="no commits"):
        await empty.sync("empty")


async def test_many_syncs_at_once_share_their_work(rig: Rig) -> None:
    tips = await asyncio.gather(*(rig.host.sync("demo") for _ in range(20)))
    assert set(tips) == {rig.in_origin("main")}


async def test_a_damaged_mirror_says_so_and_is_made_anew_once_moved(rig: Rig) -> None:
    await rig.host.sync("demo")
    (rig.host.mirror("demo") / "HEAD").write_bytes(b"\xff" * 40)
    with pytest.raises(errors.Damaged) as broken:
        await rig.host.sync("demo")
    assert str(rig.host.mirror("demo")) in broken.value.remedy
    rig.host.mirror("demo").rename(rig.home / "aside")
    assert await rig.host.sync("demo") == rig.in_origin("main")


async def test_a_mirror_with_rotten_objects_says_so_when_it_is_cloned(rig: Rig) -> None:
    base = await rig.host.sync("demo")
    blob = rig.git("rev-parse", f"{base}:README.md", at=rig.host.mirror("demo"))
    rotten = rig.host.mirror("demo") / "objects" / blob[:2] / blob[2:]
    rotten.chmod(0o644)
    rotten.write_bytes(rotten.read_bytes()[:10] + bytes(20))
    with pytest.raises(errors.Damaged):
        await rig.host.clone("demo", base, "loop/x", rig.box("one"))


async def test_a_strict_umask_does_not_lock_boxes_out(rig: Rig) -> None:
    before = os.umask(0o077)
    try:
        box, base = await rig.cloned("one", "loop/x")
        await rig.agent(box, FIX)
        judged = await rig.host.take_in("demo", "loop/x", base, box)
        await rig.host.land("demo", "loop/x", judged)
        other, _ = await rig.cloned("two", "loop/y")
    finally:
        os.umask(before)
    assert await rig.agent(other, "git fetch -q && git show origin/loop/x:fix.txt") == "fixed"


@pytest.mark.parametrize("seconds", [0, 600])
async def test_a_fetch_that_fails_or_hangs_leaves_no_lock_behind(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    known = await rig.host.sync("demo")
    newer = rig.commit("more.txt", "more\n", "More")
    (rig.host.mirror("demo") / "refs" / "heads" / "main.lock").touch()
    with monkeypatch.context() as patch:
        patch.setattr(mirror, "FETCH", safe.Bounds(seconds=seconds))
        assert await rig.host.sync("demo") == known
    assert await rig.host.sync("demo") == newer


async def test_probe_starts_git(rig: Rig) -> None:
    (found,) = await rig.host.probe()
    assert found.ok
    assert found.detail.startswith("git version")


async def test_the_mirror_tells_a_box_no_address(rig: Rig) -> None:
    box, _ = await rig.cloned("one", "loop/x")
    told = await rig.agent(box, "grep -r origin.git /mirror/demo.git || true; cat .git/config")
    assert str(rig.home) not in told


async def test_a_clone_is_left_alone_when_whole_and_made_anew_when_half_made(rig: Rig) -> None:
    box, base = await rig.cloned("one", "loop/x")
    await rig.agent(box, "echo mine > mine.txt")
    await rig.host.clone("demo", base, "loop/x", box)
    assert await rig.agent(box, "cat mine.txt; git branch --show-current") == "mine\nloop/x"
    half = rig.box("half")
    await rig.agent(half, "git init -q . && echo junk > junk && touch .git/index.lock .hidden")
    await rig.host.clone("demo", base, "loop/y", half)
    assert await rig.agent(half, "ls -A; git status --porcelain; git branch --show-current") == (
        ".git\nREADME.md\nloop/y"
    )


async def test_a_clone_has_what_git_itself_would_give_it(rig: Rig) -> None:
    side = rig.commit("side.txt", "s\n", "Side", branch="odd/o'ne")
    box, base = await rig.cloned("one", "loop/x")
    asked = 'git rev-parse HEAD main origin/main origin/HEAD "origin/odd/o\'ne"; git rev-parse --abbrev-ref origin/HEAD main@{upstream}'
    plain = "origin/main\norigin/main"
    assert await rig.agent(box, asked) == f"{base}\n{base}\n{base}\n{base}\n{side}\n{plain}"
    assert await rig.agent(
        box, "git fsck && git fetch -q && git log --format=%an -1 && git branch -a | wc -l"
    )
    rows = await rig.agent(
        box, "git branch --list; git config user.name; git config author.name || echo none"
    )
    assert rows == f"* loop/x\n  main\n{host.AUTHOR.name}\nnone"


async def test_a_clone_commits_in_any_name_a_person_can_have(rig: Rig) -> None:
    base = await rig.host.sync("demo")
    box = rig.box("one")
    name = "Ma\"ya \\ # O'Neil ; $(id) %s\n[core]\n\tfsmonitor = /bin/false"
    plan = ports.Checkout(
        name="demo", mirror=rig.host.mirror("demo"), commit=base, branch="loop/x", into=box.cwd, author=name
    )
    await rig.host.clone("", "", "", box, also=[plan])
    await rig.agent(box, "echo new > new && git add new && git commit -q -m new")
    assert (
        await rig.agent(box, "git log -1 --format='%an|%cn'")
        == f"{name.replace(chr(10), '')}|{host.AUTHOR.name}"
    )
    assert await rig.agent(box, "git rev-parse origin/main main") == f"{base}\n{base}"


async def test_status_and_diff_tell_what_no_commit_holds(rig: Rig) -> None:
    box, base = await rig.cloned("one", "loop/x")
    clean = await rig.host.status(box)
    assert (clean.tip, clean.dirty, clean.tips) == (base, (), (base,))
    await rig.agent(box, "echo more >> README.md; mkdir d; echo new > 'd/a b'; printf x > $'e\\e[31mvil'")
    assert set((await rig.host.status(box)).dirty) == {"README.md", "d/", "e [31mvil"}
    diff = await rig.host.diff(box, base)
    assert "+more" in diff


async def test_status_tells_of_every_branch_unless_they_are_too_many(rig: Rig) -> None:
    box, base = await rig.cloned("one", "loop/x")
    await rig.agent(box, "git checkout -q -b aside; " + FIX + "; git checkout -q loop/x; git branch twin")
    seen = await rig.host.status(box)
    assert seen.tip == base
    assert set(seen.tips) == {base, (await rig.agent(box, "git rev-parse aside")).strip()}
    await rig.agent(
        box,
        "git checkout -q --detach; git for-each-ref --format='delete %(refname)' refs/heads | git update-ref --stdin",
    )
    assert (await rig.host.status(box)).tips == ()
    await rig.agent(
        box, "for n in $(seq 120); do echo create refs/heads/b$n HEAD; done | git update-ref --stdin"
    )
    assert (await rig.host.status(box)).tips == ()


async def test_landing_again_is_harmless_and_forged_history_is_not_followed(rig: Rig) -> None:
    box, base = await rig.cloned("one", "loop/x")
    await rig.agent(box, FIX)
    judged = await rig.host.take_in("demo", "loop/x", base, box)
    for _ in range(2):
        await rig.host.land("demo", "loop/x", judged)
    again = await rig.host.take_in("demo", "loop/x", base, box)
    assert again == judged
    await rig.host.land("demo", "loop/x", again)
    await rig.agent(box, "git commit -q --amend -m other")
    other = await rig.host.take_in("demo", "loop/x", base, box)
    with pytest.raises(errors.Refused, match="has commits that the work does not contain"):
        await rig.host.land("demo", "loop/x", other)
    assert rig.in_origin("loop/x") == judged.tip


async def test_a_branch_that_somebody_moved_at_the_origin_is_not_overwritten(rig: Rig) -> None:
    box, base = await rig.cloned("one", "loop/x")
    await rig.agent(box, FIX)
    theirs = rig.commit("theirs.txt", "theirs\n", "Theirs", branch="loop/x")
    judged = await rig.host.take_in("demo", "loop/x", base, box)
    with pytest.raises(errors.Refused, match="has commits that the work does not contain"):
        await rig.host.land("demo", "loop/x", judged)
    assert rig.in_origin("loop/x") == theirs


async def test_the_words_of_a_hook_that_refuses_reach_people(rig: Rig) -> None:
    box, base = await rig.cloned("one", "loop/x")
    await rig.agent(box, FIX)
    judged = await rig.host.take_in("demo", "loop/x", base, box)
    hook = rig.origin / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(
        "#!/bin/sh\nprintf 'no \\033[31mpushing today https://me:secret@example.org/x' >&2\nexit 1\n"
    )
    hook.chmod(0o755)
    with pytest.raises(errors.Refused) as refused:
        await rig.host.land("demo", "loop/x", judged)
    assert "pushing today https://…@example.org/x" in str(refused.value)
    assert "secret" not in str(refused.value)
    assert "\033" not in str(refused.value)
    hook.unlink()
    assert await rig.host.land("demo", "loop/x", judged) == "origin, branch loop/x"


async def test_an_origin_that_is_away_at_the_push_can_be_pushed_to_later(rig: Rig) -> None:
    box, base = await rig.cloned("one", "loop/x")
    await rig.agent(box, FIX)
    judged = await rig.host.take_in("demo", "loop/x", base, box)
    rig.origin.rename(rig.home / "away")
    with pytest.raises(errors.Unavailable):
        await rig.host.land("demo", "loop/x", judged)
    (rig.home / "away").rename(rig.origin)
    rig.host = rig.build()
    await rig.host.sweep()
    await rig.host.land("demo", "loop/x", judged)
    assert rig.in_origin("loop/x") == judged.tip


async def test_objections_keep_work_from_landing_until_a_person_consents(rig: Rig) -> None:
    box, base = await rig.cloned("one", "loop/x")
    await rig.agent(box, "echo {} > .mcp.json && git add -A && git commit -qm tools")
    judged = await rig.host.take_in("demo", "loop/x", base, box)
    assert judged.objections == (f"commit {judged.tip[:6]} changes .mcp.json (a protected path)",)
    with pytest.raises(errors.Refused):
        await rig.host.land("demo", "loop/x", judged)
    assert rig.in_mirror("loop/x") == rig.in_origin("loop/x") == ""
    await rig.host.land("demo", "loop/x", replace(judged, objections=()))
    assert rig.in_origin("loop/x") == judged.tip


async def test_merging_what_the_team_has_already_is_no_objection(rig: Rig) -> None:
    box, base = await rig.cloned("one", "loop/x")
    await rig.agent(box, FIX)
    rig.commit(".claude/settings.json", "{}\n", "Tighten")
    await rig.host.sync("demo")
    await rig.agent(box, "git fetch -q && git merge -q -m merge origin/main")
    judged = await rig.host.take_in("demo", "loop/x", base, box)
    assert judged.objections == ()
    assert [commit.subject for commit in judged.commits] == ["Fix it", "merge"]
    await rig.agent(box, "git rm -q .claude/settings.json && git commit -q --amend -m 'evil merge'")
    judged = await rig.host.take_in("demo", "loop/x", base, box)
    assert judged.objections == (f"commit {judged.tip[:6]} removes .claude/settings.json (a protected path)",)
