"""What the command line offers. Owns: the snapshot of its help, and the help of make."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
OFFERED = {
    "init": set(),
    "doctor": {"--json"},
    "run": set(),
    "chat": {"--script", "--as"},
    "demo": {"--keep", "--pace"},
    "rebuild": set(),
    "export": {"--out"},
    "forget": {"--yes"},
    "version": set(),
}
TARGETS = {"help", "bootstrap", "demo", "run", "check", "test", "bench", "soak", "strict", "clean"}


def said(*arguments: str) -> str:
    program = Path(sys.executable).with_name("loopbridge")
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}
    done = subprocess.run(
        [program, *arguments, "--help"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_commands() -> None:
    listed = re.findall(r"^│ (\w+) {2,}\S", said(), flags=re.MULTILINE)
    assert listed == list(OFFERED)


def test_the_chats_that_init_sets_up() -> None:
    assert re.findall(r"(\w+)\|(\w+)\|(\w+)", said("init")) == [("slack", "matrix", "discord")]


def test_the_options_of_each() -> None:
    for command, options in OFFERED.items():
        assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", said(command))) - {"--help"} == options, command


def test_the_targets_of_make() -> None:
    done = subprocess.run(
        ["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert {line.split()[1] for line in done.stdout.splitlines()} == TARGETS


def test_ci_is_check_then_test() -> None:
    text = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert re.findall(r"^make (?:--\S+ )*(\w+)", text, flags=re.MULTILINE) == ["check", "test"]
