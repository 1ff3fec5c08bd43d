"""The home directory. Owns: what `prepare` makes, keeps and refuses."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from bridge.home import LAYERS, Home, prepare
from config import settings
from core import errors


def test_everything_is_made_for_us_alone(tmp_path: Path) -> None:
    home = Home(tmp_path / "deep" / "home")
    steps = prepare(home)
    assert {step.state for step in steps} == {"made"}
    for path in (home.root, home.keys, home.loops, home.config, home.policy):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    settings.load(home.root, {})


def test_again_changes_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    prepare(home)
    home.config.write_text("[http]\nport = 1\n")
    before = {path: path.stat().st_mtime_ns for path in home.root.rglob("*")}
    assert {step.state for step in prepare(home)} == {"there"}
    assert {path: path.stat().st_mtime_ns for path in home.root.rglob("*")} == before
    assert home.config.read_text() == "[http]\nport = 1\n"


def test_what_is_missing_is_made_again(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    prepare(home)
    home.policy.unlink()
    home.keys.rmdir()
    assert {step.path for step in prepare(home) if step.state == "made"} == {"policy.toml", "keys"}


def test_a_start_that_was_cut_short_is_finished(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.root.mkdir()
    home.root.joinpath(".loopbridge.new").write_text("")
    prepare(home)
    home.layer("notes").rename(home.context / "notes.git.new")
    assert [step.path for step in prepare(home) if step.state == "made"] == ["context/notes.git"]


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_can_be_cloned_and_pushed_to(tmp_path: Path, layer: str) -> None:
    home = Home(tmp_path / "home")
    prepare(home)
    clone = tmp_path / "clone"
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@localhost"]
    subprocess.run([*git, "clone", "-q", str(home.layer(layer)), str(clone)], check=True)
    assert (clone / "README.md").read_text()
    subprocess.run([*git, "-C", str(clone), "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    subprocess.run([*git, "-C", str(clone), "push", "-q", "origin", "main"], check=True)


def test_a_link_to_a_folder_will_do(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    prepare(Home(tmp_path / "link"))
    assert (tmp_path / "real" / "config.toml").exists()


def test_an_empty_folder_is_closed_to_others(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    prepare(Home(tmp_path))
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("x")
    with pytest.raises(errors.Refused, match="was not made by Loopbridge"):
        prepare(Home(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    os.chown(tmp_path, 1234, 1234)
    with pytest.raises(errors.Refused, match="belongs to another user"):
        prepare(Home(tmp_path))


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("x")
    with pytest.raises(errors.BadInput, match="is a file, not a folder"):
        prepare(Home(tmp_path / "home"))
    with pytest.raises(errors.BadInput, match="cannot be used"):
        prepare(Home(tmp_path / "home" / "below"))


def test_a_link_that_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "home").symlink_to("nowhere")
    with pytest.raises(errors.BadInput, match="leads nowhere"):
        prepare(Home(tmp_path / "home"))


def test_a_file_where_a_folder_belongs(tmp_path: Path) -> None:
    home = Home(tmp_path)
    prepare(home)
    home.keys.rmdir()
    home.keys.write_text("")
    with pytest.raises(errors.BadInput, match="a folder belongs there"):
        prepare(home)


def test_a_layer_that_is_no_repository(tmp_path: Path) -> None:
    home = Home(tmp_path)
    prepare(home)
    (home.layer("notes") / "HEAD").unlink()
    with pytest.raises(errors.Damaged, match="no git repository") as caught:
        prepare(home)
    assert "mv " in caught.value.remedy


def test_a_disk_that_cannot_be_written() -> None:
    with pytest.raises(errors.LoopbridgeError, match=r"cannot be (written|used)") as caught:
        prepare(Home(Path("/proc/loopbridge")))
    assert "LOOPBRIDGE_HOME" in caught.value.remedy
