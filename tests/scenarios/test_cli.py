"""The command line, as a person runs it. Owns: exit codes, what is printed, and that no stack trace is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import PATIENCE

PROGRAM = Path(sys.executable).with_name("loopbridge")


def loopbridge(home: Path | str, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "LOOPBRIDGE_HOME": str(home),
        "COLUMNS": "100",
        "NO_COLOR": "1",
        "TERM": "dumb",
        **environ,
    }
    done = subprocess.run(
        [PROGRAM, *arguments],
        env=environment,
        cwd="/",
        capture_output=True,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr
    return done


def test_version() -> None:
    done = loopbridge("/nonexistent", "version")
    assert (done.returncode, done.stdout) == (0, "loopbridge 0.1.0\n")


def test_init_says_what_is_there_and_what_is_next(tmp_path: Path) -> None:
    home = tmp_path / "home"
    first, second = loopbridge(home, "init"), loopbridge(home, "init")
    assert (first.returncode, second.returncode) == (0, 0)
    assert "0 were there already" in first.stdout
    assert "0 made" in second.stdout
    assert "doctor" in first.stdout
    assert "api_key_file" in first.stdout


@pytest.mark.parametrize(
    ("home", "environ", "code", "line"),
    [
        ("/etc", {}, 77, "/etc holds other files and was not made by Loopbridge"),
        ("/etc/passwd", {}, 78, "/etc/passwd is a file, not a folder."),
        ("", {}, 78, "environment: LOOPBRIDGE_HOME: expected the path of the home directory"),
        ("/nonexistent", {"LOOPBRIDGE_HTTP__PROT": "1"}, 78, "the nearest name is LOOPBRIDGE_HTTP__PORT"),
    ],
)
def test_what_is_wrong_is_said_in_lines(home: str, environ: dict[str, str], code: int, line: str) -> None:
    done = loopbridge(home, "init", **environ)
    assert done.returncode == code
    assert done.stderr.startswith("loopbridge: ")
    assert line in done.stderr
    assert "  → " in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("command", ["init", "run", "chat"])
def test_a_broken_file_stops_every_command_alike(tmp_path: Path, command: str) -> None:
    home = tmp_path / "home"
    loopbridge(home, "init")
    (home / "config.toml").write_text("[http]\nport = 'eighty'\nprot = 1\n")
    done = loopbridge(home, command)
    assert done.returncode == 78
    assert done.stderr.splitlines()[:2] == [
        f'loopbridge: {home}/config.toml: http.port: expected a whole number from 0 to 65535; found "eighty"',
        f"loopbridge: {home}/config.toml: http.prot: expected a setting that exists; the nearest name is http.port",
    ]


def test_a_bad_rule_is_found_by_init(tmp_path: Path) -> None:
    home = tmp_path / "home"
    loopbridge(home, "init")
    (home / "policy.toml").write_text('[[rule]]\ntool = "Bash"\naction = "alow"\n')
    done = loopbridge(home, "init")
    assert (done.returncode, "expected one of allow, ask, deny" in done.stderr) == (78, True)


def test_an_unknown_command_ends_with_2() -> None:
    assert loopbridge("/nonexistent", "dcotor").returncode == 2
    assert loopbridge("/nonexistent", "init", "--nope").returncode == 2


def test_doctor_tries_everything(tmp_path: Path) -> None:
    home = tmp_path / "home"
    loopbridge(home, "init")
    done = loopbridge(
        home,
        "doctor",
        "--json",
        LOOPBRIDGE_HTTP__PORT="0",
        LOOPBRIDGE_REPOS__NOTES__URL=str(home / "context/notes.git"),
    )
    told = json.loads(done.stdout)
    by_name = {finding["name"]: finding for finding in told["findings"]}
    assert {name for name, finding in by_name.items() if not finding["ok"]} == {"model"}, done.stdout
    assert (done.returncode, told["ok"]) == (1, False)
    for name in (
        "git",
        "git-crypt",
        "a box starts",
        "the agent's CLI in a box",
        "home",
        "disk",
        "database",
        "policy",
        "repository notes",
    ):
        assert by_name[name]["ok"], by_name[name]
    assert "api_key_file" in by_name["model"]["remedy"]


def test_doctor_on_a_broken_file_names_it_and_tries_the_rest(tmp_path: Path) -> None:
    home = tmp_path / "home"
    loopbridge(home, "init")
    (home / "config.toml").write_text("[model]\napi_ky = 'sk-secret-value'\n")
    done = loopbridge(home, "doctor")
    assert "✗ configuration" in done.stdout
    assert "the nearest name is model.api_key" in done.stdout
    assert "✓ git " in done.stdout
    assert "sk-secret-value" not in done.stdout + done.stderr


def test_a_reader_that_goes_away_is_no_crash(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [PROGRAM, "init"],
        env={**os.environ, "LOOPBRIDGE_HOME": str(tmp_path / "home")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stdout is not None
    child.stdout.close()
    assert child.stderr is not None
    said = child.stderr.read().decode()
    assert child.wait(PATIENCE) in (0, 1, -signal.SIGPIPE)
    assert "Traceback" not in said
    child.stderr.close()


def test_why_the_built_in_chat_cannot_be_entered_is_said(tmp_path: Path) -> None:
    home, script = tmp_path / "home", tmp_path / "a.chat"
    loopbridge(home, "init")
    script.write_text("Maya: hello\n")
    (home / "config.toml").write_text("[chat.local]\nenabled = false\n")
    off = loopbridge(home, "chat", "--script", str(script))
    assert (off.returncode, off.stderr.splitlines()[0]) == (
        78,
        "loopbridge: The built-in chat is turned off.",
    )
    (home / "config.toml").write_text("")
    (home / "chat.db").write_bytes(b"no database" * 1000)
    damaged = loopbridge(home, "chat", "--script", str(script))
    assert damaged.returncode == 1
    assert (
        "The built-in chat cannot be entered: the file of the local chat (chat.db) cannot be read"
        in damaged.stderr
    )
    assert "→ Move chat.db away" in damaged.stderr


def test_without_a_terminal_no_bridge_is_started_to_chat_with(tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = loopbridge(home, "chat")
    assert (done.returncode, (home / "bridge.db").exists()) == (2, False)
    assert "--script" in done.stderr


def test_a_damaged_database_is_made_anew_from_the_journal(tmp_path: Path) -> None:
    home = tmp_path / "home"
    loopbridge(home, "init")
    (home / "bridge.db").write_bytes(b"no database" * 1000)
    for command in ("run", "rebuild"):
        done = loopbridge(home, command)
        assert done.returncode == 1
        assert "is damaged" in done.stderr
        assert "`loopbridge rebuild`" in done.stderr


def test_one_finding_needs_attention(tmp_path: Path) -> None:
    home = tmp_path / "home"
    loopbridge(home, "init")
    done = loopbridge(home, "doctor", LOOPBRIDGE_HTTP__PORT="0")
    assert done.stdout.splitlines()[-1].endswith(" needs attention.")


def test_a_bridge_without_a_key_says_so_when_it_starts(tmp_path: Path) -> None:
    home = tmp_path / "home"
    loopbridge(home, "init")
    environ = {**os.environ, "LOOPBRIDGE_HOME": str(home), "LOOPBRIDGE_HTTP__PORT": "0"}
    child = subprocess.Popen([PROGRAM, "run"], env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert child.stdout is not None
    said = child.stdout.readline().decode()
    child.terminate()
    assert child.wait(PATIENCE) == 0
    child.stdout.close()
    assert said.startswith(f"No key for the model is configured. Put it into {home}/keys/model")
