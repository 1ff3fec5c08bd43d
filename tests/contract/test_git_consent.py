"""What of an agent's commits a person may allow: it is shown whole, and lands only as it was shown."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from core import errors, ports
from tests.contract.git_rig import Rig

BRANCH = "loop/x"


@pytest.fixture
async def rig(home: Path, service_user: str) -> Rig:
    rig = await asyncio.to_thread(Rig, home, service_user)
    await rig.host.sweep()
    return rig


async def judged(rig: Rig, script: str) -> ports.Judged:
    """Return what becomes of the commits that a script makes: they always come with objections."""
    box, base = await rig.cloned("one", BRANCH)
    await rig.agent(box, script)
    found = await rig.host.take_in("demo", BRANCH, base, box)
    assert found.objections
    with pytest.raises(errors.Refused):
        await rig.host.land("demo", BRANCH, found)
    assert rig.in_origin(BRANCH) == rig.in_mirror(BRANCH) == ""
    return found


def consented(found: ports.Judged) -> ports.Judged:
    """Return the judgement as a person's consent leaves it."""
    return ports.Judged(tip=found.tip, commits=())


async def test_protected_paths_links_and_submodules_are_shown_whole_and_land_by_consent(rig: Rig) -> None:
    found = await judged(
        rig,
        "mkdir -p .claude docs && echo '{\"a\": 1}' > .claude/settings.json && printf '*.txt -diff\\n' > .gitattributes"
        " && echo plain > plain.txt && git add -Af && git commit -qm one"
        " && printf '\\000bin\\n' > .mcp.json && ln -s ../plain.txt docs/now && git add -Af"
        " && git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),lib && git commit -qm two",
    )
    assert {one.path for one in found.delicate} == {
        ".claude/settings.json",
        ".gitattributes",
        ".mcp.json",
        "docs/now",
        "lib",
    }
    for words in ('+{"a": 1}', "+*.txt -diff", "+\0bin", "+../plain.txt", "+Subproject commit "):
        assert words in found.shown
    assert "plain.txt b/plain.txt" not in found.shown, "only what has to be allowed is asked about"
    assert [line[7:47] for line in found.shown.splitlines() if line.startswith("commit ")] == [
        commit.sha for commit in found.commits
    ]
    for _ in range(2):  # a crash may have it done again
        assert await rig.host.land("demo", BRANCH, consented(found)) == f"origin, branch {BRANCH}"
    assert rig.in_origin(BRANCH) == found.tip


async def test_what_a_later_commit_takes_back_is_shown_all_the_same(rig: Rig) -> None:
    found = await judged(
        rig,
        "echo evil > .mcp.json && git add -A && git commit -qm in && git rm -q .mcp.json && git commit -qm out",
    )
    assert "+evil" in found.shown
    assert "-evil" in found.shown


async def test_what_only_a_merge_brings_is_shown(rig: Rig) -> None:
    found = await judged(
        rig,
        "git checkout -q -b side && echo a > a && git add -A && git commit -qm a && git checkout -q loop/x && echo b > b"
        " && git add -A && git commit -qm b && git merge -q --no-commit side && echo evil > .mcp.json && git add -A"
        " && git commit -qm merge",
    )
    assert [one.path for one in found.delicate] == [".mcp.json"]
    assert "+evil" in found.shown


@pytest.mark.parametrize(
    "script",
    [
        "ln -s /etc/passwd x && git add -A && git commit -qm x",
        "ln -s /etc/passwd x && git add -A && git commit -qm x && git rm -q x && git commit -qm y",
        "mkdir d && ln -s ../../out d/x && git add -A && git commit -qm x",
        "ln -s .git/hooks x && git add -A && git commit -qm x",
        "echo ghp_$(printf 'a1B2%.0s' 1 2 3 4 5 6 7 8 9) > conf && git add -A && git commit -qm x",
        "mkdir -p 'claude~1' && echo x > 'claude~1/x' && git add -A && git commit -qm x",
    ],
)  # fmt: skip
async def test_one_thing_that_nobody_may_allow_keeps_all_of_it(rig: Rig, script: str) -> None:
    found = await judged(rig, f"echo x > .mcp.json && git add -A && git commit -qm p && {script}")
    assert (found.delicate, found.shown) == ((), "")


async def test_more_than_a_person_can_be_shown_is_for_nobody_to_allow(rig: Rig) -> None:
    found = await judged(rig, "seq 100000 > .mcp.json && git add -A && git commit -qm long")
    assert (found.delicate, found.shown) == ((), "")
    assert "more than can be shown" in found.objections[-1]


async def test_consent_for_what_is_gone_or_overtaken_is_refused_in_words(rig: Rig) -> None:
    found = await judged(rig, "echo x > .mcp.json && git add -A && git commit -qm x")
    kept = rig.home / "state" / "quarantine" / "demo" / found.tip
    shutil.move(kept, rig.home / "aside")
    with pytest.raises(errors.Unavailable, match="no longer at hand"):
        await rig.host.land("demo", BRANCH, consented(found))
    shutil.move(rig.home / "aside", kept)
    rig.commit("other", "x", "Somebody else's", branch=BRANCH)
    await rig.host.sync("demo")
    with pytest.raises(errors.Refused, match="has commits that the work does not contain"):
        await rig.host.land("demo", BRANCH, consented(found))
