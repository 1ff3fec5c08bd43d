"""What an agent may try against the host by way of git, each done for real from inside a box."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from core import errors, ports
from tests.contract.git_rig import CWD, Rig

FIX = "echo fixed > fix.txt && git add -A && git commit -qm 'Fix it'"


@pytest.fixture
async def rig(home: Path, service_user: str) -> Rig:
    rig = await asyncio.to_thread(Rig, home, service_user)
    await rig.host.sweep()
    return rig


async def objections(rig: Rig, script: str, **changes: object) -> str:
    """Return what speaks against the commits that a script makes, joined; make sure that none of it got anywhere."""
    if changes:
        rig.host = rig.build(**changes)
    box, base = await rig.cloned("one", "loop/x")
    await rig.agent(box, script)
    judged = await rig.host.take_in("demo", "loop/x", base, box)
    assert rig.in_mirror("loop/x") == ""
    if judged.objections:
        with pytest.raises(errors.Refused):
            await rig.host.land("demo", "loop/x", judged)
        assert rig.in_origin("loop/x") == ""
    return "\n".join(judged.objections)


async def refused(rig: Rig, script: str, branch: str = "loop/x") -> str:
    """Return why the pack that a script prepares is not taken at all."""
    box, base = await rig.cloned("one", "loop/x")
    await rig.agent(box, script)
    with pytest.raises(errors.LoopbridgeError) as told:
        await rig.host.take_in("demo", branch, base, box)
    assert told.value.remedy
    assert not list((rig.home / "state" / "quarantine").glob("*/*"))
    return str(told.value)


async def test_a_gitlink_is_an_objection(rig: Rig) -> None:
    told = await objections(
        rig,
        "git init -q sub && cd sub && git config user.email a@b && git config user.name a &&"
        " git commit -q --allow-empty -m x && cd .. && git add sub 2>/dev/null && git commit -qm sub",
    )
    assert "adds a submodule at sub" in told


async def test_a_symlink_hidden_by_a_later_revert_is_an_objection(rig: Rig) -> None:
    told = await objections(
        rig,
        "mkdir lib && ln -s /etc/passwd lib/x && git add -A && git commit -qm link"
        " && git rm -q lib/x && git commit -qm 'take it back'",
    )
    assert "adds a symlink at lib/x (links can't be promoted)" in told


async def test_a_symlink_that_only_a_merge_brings_is_an_objection(rig: Rig) -> None:
    told = await objections(
        rig,
        "git checkout -q -b side && echo a > a && git add -A && git commit -qm a && git checkout -q loop/x && echo b > b"
        " && git add -A && git commit -qm b && git merge -q --no-commit side && ln -s / root && git add -A"
        " && git commit -qm merge",
    )
    assert "adds a symlink at root" in told


@pytest.mark.parametrize(
    "path",
    [
        ".claude/settings.json",
        "deep/er/.CLAUDE/x",
        ".mcp.json",
        "a/.gitattributes",
        ".gitmodules",
        ".GitModules",
    ],
)
async def test_protected_paths_are_objections(rig: Rig, path: str) -> None:
    told = await objections(
        rig, f'mkdir -p "$(dirname {path})" && echo x > {path} && git add -Af && git commit -qm p'
    )
    assert f"{path} (a protected path)" in told


async def test_a_strange_mode_is_not_taken(rig: Rig) -> None:
    told = await refused(
        rig,
        r"""b=$(echo hi | git hash-object -w --stdin)
        t=$( (printf '100666 f\0'; printf "$(echo $b | sed 's/../\\x&/g')") | git hash-object -w -t tree --literally --stdin)
        git update-ref refs/heads/loop/x "$(git commit-tree -p HEAD -m x "$t")" """,
    )
    assert "can't be taken" in told


@pytest.mark.parametrize("name", [".GIT", ".git", "git~1", ".", "..", ".g\u200cit", ".git ", "a/b"])
async def test_a_tree_with_a_git_folder_in_disguise_is_not_taken(rig: Rig, name: str) -> None:
    told = await refused(
        rig,
        rf"""b=$(echo '[core] fsmonitor = touch /marker' | git hash-object -w --stdin)
        raw() {{ printf "$(echo $1 | sed 's/../\\x&/g')"; }}
        inner=$( (printf '100644 config\0'; raw "$b") | git hash-object -w -t tree --literally --stdin)
        outer=$( (printf '40000 %s\0' '{name}'; raw "$inner") | git hash-object -w -t tree --literally --stdin)
        git update-ref refs/heads/loop/x "$(git commit-tree -p HEAD -m x "$outer")" """,
    )
    assert "can't be taken" in told


async def test_a_history_that_left_its_base_is_refused(rig: Rig) -> None:
    rig.commit("second.txt", "2\n", "Second")
    told = await refused(rig, "git commit -q --amend -m rewritten")
    assert "no longer contains" in told


async def test_an_unrelated_history_is_refused(rig: Rig) -> None:
    told = await refused(
        rig, "git checkout -q --orphan o && git commit -qm root && git branch -q -f loop/x o"
    )
    assert "no longer contains" in told


@pytest.mark.parametrize(
    "branch", ["--output=/tmp/x", "-x", "loop/..", "a b", "loop/x.lock", "@{-1}", "loop/x\n", ""]
)
async def test_a_branch_name_that_is_none_is_refused(rig: Rig, branch: str) -> None:
    box, base = await rig.cloned("one", "loop/x")
    with pytest.raises(errors.BadInput):
        await rig.host.take_in("demo", branch, base, box)
    with pytest.raises(errors.BadInput):
        await rig.host.clone("demo", base, branch, box)


@pytest.mark.parametrize("commit", ["--help", "HEAD", "main", "", "a" * 39, "A" * 40, "0" * 40 + "\n"])
async def test_a_commit_that_is_none_is_refused(rig: Rig, commit: str) -> None:
    box, _ = await rig.cloned("one", "loop/x")
    with pytest.raises(errors.BadInput):
        await rig.host.take_in("demo", "loop/x", commit, box)
    with pytest.raises(errors.BadInput):
        await rig.host.diff(box, commit)


async def test_large_files_large_packs_and_many_commits_are_kept_out(rig: Rig) -> None:
    small = {"max_file_bytes": 100_000, "max_pack_bytes": 300_000}
    told = await objections(
        rig, "head -c 150000 /dev/urandom > big && git add -A && git commit -qm big", **small
    )
    assert "adds big with 0.1 MB (the limit is 0.1 MB)" in told
    box, base = await rig.cloned("two", "loop/y")
    await rig.agent(box, "head -c 400000 /dev/urandom > huge && git add -A && git commit -qm huge")
    with pytest.raises(errors.Refused, match="larger than"):
        await rig.host.take_in("demo", "loop/y", base, box)
    box, base = await rig.cloned("three", "loop/z")
    await rig.agent(
        box,
        "t=$(git write-tree); p=$(git rev-parse HEAD);"
        " for i in $(seq 501); do p=$(git commit-tree -p $p -m $i $t); done; git update-ref refs/heads/loop/z $p",
    )
    with pytest.raises(errors.Refused, match="more than 500"):
        await rig.host.take_in("demo", "loop/z", base, box)


async def test_a_commit_of_more_files_than_anybody_reads_is_kept_out(rig: Rig) -> None:
    told = await refused(
        rig,
        "b=$(echo x | git hash-object -w --stdin); t=$(for i in $(seq 20001); do printf '100644 blob %s\\tf%s\\n' $b $i;"
        " done | git mktree); git update-ref refs/heads/loop/x $(git commit-tree -p HEAD -m many $t)",
    )
    assert "more than can be judged" in told


async def test_a_small_pack_that_unpacks_without_end_does_not_fill_the_host(rig: Rig) -> None:
    told = await objections(
        rig,
        "head -c 60000000 /dev/zero > bomb && git add -A && git commit -qm bomb",
        max_file_bytes=1 << 20,
    )
    assert "adds bomb with 57.2 MB" in told


async def test_a_secret_in_added_lines_is_an_objection_that_does_not_quote_it(rig: Rig) -> None:
    token = "ghp_" + "a1B2" * 9
    told = await objections(
        rig,
        f"echo 'token = {token}' > conf && git add -A && git commit -qm conf && git rm -q conf && git commit -qm gone",
    )
    assert "adds a GitHub token in conf" in told
    assert token not in told


async def test_a_secret_that_was_there_before_is_no_objection(rig: Rig) -> None:
    token = "ghp_" + "a1B2" * 9
    rig.commit("conf", f"token = {token}\n", "Known")
    assert await objections(rig, "echo other >> conf && git commit -qam more") == ""


async def test_words_in_commits_can_neither_hide_nor_shout(rig: Rig) -> None:
    box, base = await rig.cloned("one", "loop/x")
    await rig.agent(
        box,
        "echo x > x && git add -A && git -c user.name=$'\\e[31mBoss\\u202e' commit -qm $'a\\e[2Jb\\u202ec\\x01'"
        " && GIT_COMMITTER_DATE='@99999999999999 +0000' git commit -q --allow-empty -m \"$(head -c 5000 /dev/zero | tr '\\0' y)\"",
    )
    judged = await rig.host.take_in("demo", "loop/x", base, box)
    assert judged.commits[0].subject == "a [2Jb c"
    assert judged.commits[0].author == "[31mBoss"
    assert len(judged.commits[1].subject) == 200


TRAPS = r"""
trap_() { echo "touch MARKERS/$1; cat"; }
mkdir -p .git/hooks .git/info
for h in pre-push post-checkout post-index-change reference-transaction pre-auto-gc update pre-receive post-update; do
  printf '#!/bin/sh\ntouch MARKERS/hook-%s\n' $h > .git/hooks/$h; chmod +x .git/hooks/$h
done
git config diff.external "$(trap_ external)"; git config diff.evil.textconv "$(trap_ textconv)"
git config diff.evil.command "$(trap_ command)"; git config core.sshCommand "$(trap_ ssh)"
git config core.pager "$(trap_ pager)"; git config gpg.program "$(trap_ gpg)"
git config core.alternateRefsCommand "$(trap_ alternates)"; git config uploadpack.packObjectsHook "$(trap_ pack)"
git config remote.origin.uploadpack "$(trap_ up)"; git config remote.origin.receivepack "$(trap_ receive)"
git config protocol.ext.allow always; git config url."ext::sh -c touch% MARKERS/ext".insteadOf "/"
git config credential.helper "!$(trap_ credential)"
git config filter.evil.clean "$(trap_ clean)"; git config filter.evil.smudge "$(trap_ smudge)"
git config core.fsmonitor "$(trap_ fsmonitor)"
echo '* filter=evil diff=evil' > .git/info/attributes
mkdir -p nested && cp -r .git nested/.git
"""


async def test_traps_in_the_clone_run_nothing_on_the_host(rig: Rig) -> None:
    box, base = await rig.cloned("one", "loop/x")
    await rig.agent(box, FIX)
    # The folder of markers is in no box: a trap that leaves one ran on the host.
    await rig.agent(box, TRAPS.replace("MARKERS", str(rig.markers)))
    await rig.host.status(box)
    await rig.host.diff(box, base)
    judged = await rig.host.take_in("demo", "loop/x", base, box)
    await rig.host.land("demo", "loop/x", judged)
    await rig.host.sync("demo")
    assert list(rig.markers.iterdir()) == []
    assert rig.in_origin("loop/x") == judged.tip
    rig.git("-c", "safe.directory=*", "status", at=box.binds[0].source)
    assert (rig.markers / "fsmonitor").exists(), "the traps are blunt: this test proves nothing"


async def test_a_git_folder_replaced_by_links_to_the_host_reaches_nothing(rig: Rig) -> None:
    box, base = await rig.cloned("one", "loop/x")
    await rig.agent(box, f"rm -rf .git && ln -s {rig.seed}/.git .git")
    for look in (
        rig.host.status(box),
        rig.host.diff(box, base),
        rig.host.take_in("demo", "loop/x", base, box),
    ):
        with pytest.raises(errors.LoopbridgeError):
            await look


async def test_what_the_host_asks_for_happens_without_the_loops_other_folders(rig: Rig, home: Path) -> None:
    box, base = await rig.cloned("one", "loop/x")
    vault = home / "vault"
    vault.mkdir(mode=0o755)
    (vault / "token").write_text("value")
    seen = replace(
        box, binds=(*box.binds, ports.Bind(source=vault, dest="/run/vault")), env={"TOKEN": "value"}
    )
    await rig.agent(
        seen,
        f"printf '#!/bin/sh\\n(env; cat /run/vault/*) > {CWD}/stolen\\n' > .git/trap; chmod +x .git/trap;"
        f" cat /run/vault/token; git config diff.external {CWD}/.git/trap; git config core.fsmonitor {CWD}/.git/trap",
    )
    await rig.host.status(seen)
    await rig.host.diff(seen, base)
    await rig.host.take_in("demo", "loop/x", base, seen)
    assert "value" not in await rig.agent(box, "cat stolen 2>/dev/null || true")


async def test_a_clone_that_is_gone_is_told(rig: Rig) -> None:
    assert "gives out no commits" in await refused(rig, "rm -rf .git")
