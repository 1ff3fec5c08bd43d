"""What a launcher says, and whose links it trusts."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Any

import pytest

from adapters.sandbox import launcher, spec
from core import errors, ports

HOST = spec.Host(machine="x86_64", covered_files=(), covered_folders=(), staged=True)


def text(box: ports.Box, trusted: Path) -> str:
    plan = spec.plan(box, ["/opt/claude"], HOST)
    return launcher.text(plan, trusted=trusted, user=(7, 8), status="/somewhere/launch.status")


def box_in(script: str) -> dict[str, Any]:
    """Return the box that a launcher says."""
    assigned = next(
        node.value
        for node in ast.parse(script).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "BOX"
    )
    said: dict[str, Any] = ast.literal_eval(assigned)
    return said


def test_it_says_the_whole_box(home: Path) -> None:
    bind = ports.Bind(source=home / "loops" / "1" / "home", dest="/home/loop", writable=True)
    box = ports.Box(name="b", cwd="/tmp", binds=(bind,), files={"/etc/x": b"\0\xff'\""}, env={"A": "ü\n"})
    script = text(box, home)
    said = box_in(script)
    assert script.splitlines()[0] == f"#!{sys.executable} -ISB"
    assert said["user"] == (7, 8)
    assert said["binds"] == [(str(home), "loops/1/home")]
    assert b"\0\xff'\"" in said["data"]
    assert ("--setenv", "A", "ü\n") in said["options"]
    assert said["command"][-1] == "/opt/claude"
    assert f"        ({str(home)!r}, 'loops/1/home'),\n" in script, (
        "a person finds each bind on a line of its own"
    )


def test_links_above_the_home_are_trusted_and_none_below(home: Path) -> None:
    (home / "real").mkdir()
    (home / "link").symlink_to("real")
    base, rest = launcher.source_of(home / "link" / "loops" / "x", home / "link")
    assert (base, rest) == (str(home / "real"), "loops/x")
    assert launcher.source_of(home / "real" / "y", home / "link") == (str(home / "real"), "y")
    assert launcher.source_of(Path("/opt/z"), home / "link") == ("/", "opt/z")


def test_an_interpreter_that_no_first_line_can_name(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in ("/" + "p" * 300, "/a b/python"):
        monkeypatch.setattr(sys, "executable", path)
        with pytest.raises(errors.BadInput):
            text(ports.Box(name="b", cwd="/tmp"), home)


def test_one_that_is_compiled_enters_the_same_box(home: Path) -> None:
    bind = ports.Bind(source=home / "loops" / "1" / "home", dest="/home/loop", writable=True)
    box = ports.Box(name="b", cwd="/tmp", binds=(bind,), files={"/etc/x": b"\0'\""}, env={"A": "ü\n"})
    script = launcher.compiled(spec.plan(box, ["ls"], HOST), trusted=home, user=None, status=3)
    given: dict[str, Any] = {}
    caught = {"exec": lambda code, names: given.update(names, code=code), "__builtins__": __builtins__}
    exec(compile(script, "launcher", "exec"), caught)  # noqa: S102 - what a launcher is for
    plain = launcher.text(spec.plan(box, ["ls"], HOST), trusted=home, user=None, status=3)
    assert (given["__name__"], given["BOX"]) == ("__main__", box_in(plain))
    assert "enter" in given["code"].co_names
