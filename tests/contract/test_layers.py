"""The layers of context on real bare repositories, alone and with a remote.

Two homes on one remote stand for two machines of a team.
"""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from adapters.git import layers
from core import errors
from core.ids import MemberId
from core.layers import KNOWLEDGE, NOTES, personal
from tests.contract.git_rig import ENV, SystemClock

MAYA = MemberId("a" * 32)


STRANGE = b"commit refs/heads/main\ncommitter Ann <ann@example.org> 1 +0000\ndata 4\nMine\ndone\n"


def git(at: Path, *arguments: str, stdin: bytes = b"") -> str:
    words = ["git", f"--git-dir={at}", *arguments]
    done = subprocess.run(words, env=ENV, input=stdin, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


def bare(at: Path) -> Path:
    at.parent.mkdir(parents=True, exist_ok=True)
    git(at, "init", "-q", "--bare", "-b", "main")
    return at


class Team:
    """Homes below one folder, and what they heard of moves."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.heard: list[str] = []

    def home(self, name: str, **remotes: Path | str) -> layers.GitLayers:
        async def moved(layer: str) -> None:
            self.heard.append(layer)

        return layers.GitLayers(
            home=self.root / name,
            sandbox=None,  # type: ignore[arg-type]  # nothing here goes into a box
            clock=SystemClock(),
            remotes={layer: str(where) for layer, where in remotes.items()},
            moved=moved,
        )


@pytest.fixture
def team(tmp_path: Path) -> Team:
    return Team(tmp_path)


async def test_solo_a_layer_is_made_on_first_use_and_takes_what_is_written(team: Team) -> None:
    home = team.home("solo")
    await home.sweep()
    first = await home.sync(NOTES)
    new = await home.write(NOTES, "Two pages", {"a.md": "one\n", 'deep/b "c".md': "two\n"}, by="Maya <x>")
    assert await home.sync(NOTES) == new != first
    assert await home.texts(NOTES, "deep") == {'deep/b "c".md': "two\n"}
    assert (
        git(home.mirror(NOTES), "log", "-1", "--format=%an|%cn|%s", "main") == "Maya x|Loopbridge|Two pages"
    )
    assert await home.write(NOTES, "Again", {"a.md": "one\n"}, gone=["never.md"], by="Maya") == new
    gone = await home.write(NOTES, "One page less", {}, gone=["a.md"], by="Maya")
    assert set(await home.texts(NOTES)) == {"README.md", 'deep/b "c".md'}
    assert gone != new
    assert team.heard == [NOTES] * 3
    await home.write(personal(MAYA), "Mine", {"me.md": "x\n"}, by="Maya")
    assert home.mirror(personal(MAYA)) == team.root / "solo" / "personal" / f"{MAYA}.git"
    with pytest.raises(errors.BadInput):
        await home.write(NOTES, "Out", {"../x": ""}, by="Maya")
    with pytest.raises(errors.BadInput):
        await home.sync("personal/../../x")


async def test_two_loops_that_begin_at_once_make_a_layer_once(team: Team) -> None:
    home = team.home("solo")
    tips = await asyncio.gather(*(home.texts(personal(MAYA)) for _ in range(4)), home.sync(personal(MAYA)))
    assert all(set(texts) == {"README.md"} for texts in tips[:4])
    assert [path.name for path in home.mirror(personal(MAYA)).parent.iterdir()] == [f"{MAYA}.git"]


async def test_what_is_no_text_is_left_out(team: Team) -> None:
    home = team.home("solo")
    await home.write(
        NOTES, "Odd", {"big.md": "x" * (layers.TEXT_BYTES + 1), "nul.bin": "a\0b", "ok.md": "ok"}, by="Maya"
    )
    assert set(await home.texts(NOTES)) == {"README.md", "ok.md"}


async def test_an_empty_remote_gets_ours_and_a_second_home_begins_with_it(team: Team, tmp_path: Path) -> None:
    solo = team.home("one")
    ours = await solo.write(NOTES, "Before", {"before.md": "1\n"}, by="Maya")
    remote = bare(tmp_path / "notes.git")
    one = team.home("one", notes=remote)
    assert await one.sync(NOTES) == ours == git(remote, "rev-parse", "main")
    two = team.home("two", notes=remote)
    assert await two.sync(NOTES) == ours
    theirs = await two.write(NOTES, "From two", {"two.md": "2\n"}, by="Ravi")
    assert await one.sync(NOTES, fetch=False) == ours
    assert await one.sync(NOTES) == theirs == git(remote, "rev-parse", "main")


async def test_a_push_that_was_overtaken_goes_on_top(team: Team, tmp_path: Path) -> None:
    remote = bare(tmp_path / "notes.git")
    one, two = team.home("one", notes=remote), team.home("two", notes=remote)
    await one.sync(NOTES), await two.sync(NOTES)
    await two.write(NOTES, "First", {"two.md": "2\n"}, by="Ravi")
    await one.write(NOTES, "Second", {"one.md": "1\n"}, by="Maya")
    assert {"one.md", "two.md"} <= set(await one.texts(NOTES))
    assert git(remote, "log", "--format=%s", "main").splitlines()[:2] == ["Second", "First"]
    assert git(remote, "for-each-ref", "--format=%(refname)") == "refs/heads/main"


async def test_related_histories_are_joined_and_strangers_refused(team: Team, tmp_path: Path) -> None:
    solo = team.home("one")
    await solo.write(KNOWLEDGE, "Common", {"common.md": "1\n"}, by="Maya")
    remote = bare(tmp_path / "k.git")
    git(solo.mirror(KNOWLEDGE), "push", "-q", str(remote), "main")
    two = team.home("two", knowledge=remote)
    await two.write(KNOWLEDGE, "Theirs", {"theirs.md": "2\n"}, by="Ravi")
    await solo.write(KNOWLEDGE, "Ours", {"ours.md": "3\n"}, by="Maya")
    one = team.home("one", knowledge=remote)
    assert await one.sync(KNOWLEDGE) == git(remote, "rev-parse", "main")
    assert {"common.md", "theirs.md", "ours.md"} <= set(await one.texts(KNOWLEDGE))
    git(bare(team.root / "three" / "context" / "knowledge.git"), "fast-import", "--quiet", stdin=STRANGE)
    stranger = team.home("three")
    mine = await stranger.write(KNOWLEDGE, "Alone", {"alone.md": "4\n"}, by="Ann")
    with pytest.raises(errors.Refused, match="no history in common"):
        await team.home("three", knowledge=remote).sync(KNOWLEDGE)
    assert await stranger.sync(KNOWLEDGE) == mine


async def test_without_its_remote_a_layer_is_read_but_not_written(team: Team, tmp_path: Path) -> None:
    remote = bare(tmp_path / "notes.git")
    one = team.home("one", notes=remote)
    tip = await one.sync(NOTES)
    remote.rename(tmp_path / "away.git")
    assert await one.sync(NOTES) == tip
    with pytest.raises(errors.Unavailable, match="can't be reached"):
        await one.write(NOTES, "No", {"a.md": "1\n"}, by="Maya")
    assert await one.sync(NOTES) == tip


async def test_a_remote_rewritten_by_its_owners_is_followed_and_another_address_is_another_remote(
    team: Team, tmp_path: Path
) -> None:
    remote = bare(tmp_path / "notes.git")
    one = team.home("one", notes=remote)
    await one.write(NOTES, "Slip", {"slip.md": "1\n"}, by="Maya")
    first = git(remote, "rev-parse", "main~1")
    git(remote, "update-ref", "refs/heads/main", first)
    assert await one.sync(NOTES) == first
    elsewhere = bare(tmp_path / "elsewhere.git")
    assert await team.home("one", notes=elsewhere).sync(NOTES) == first == git(elsewhere, "rev-parse", "main")


async def test_a_remote_without_main_is_told(team: Team, tmp_path: Path) -> None:
    remote = bare(tmp_path / "notes.git")
    solo = team.home("solo")
    git(await _made(solo), "push", "-q", str(remote), "main:refs/heads/master")
    with pytest.raises(errors.BadInput, match="none called main"):
        await team.home("one", notes=remote).sync(NOTES)


async def test_each_member_has_a_remote_of_their_own(team: Team, tmp_path: Path) -> None:
    mine = bare(tmp_path / f"{MAYA}.git")
    one = team.home("one", personal=str(tmp_path / "{member}.git"))
    tip = await one.write(personal(MAYA), "Mine", {"me.md": "x\n"}, by="Maya")
    assert git(mine, "rev-parse", "main") == tip


async def _made(home: layers.GitLayers) -> Path:
    await home.sync(NOTES)
    return home.mirror(NOTES)
