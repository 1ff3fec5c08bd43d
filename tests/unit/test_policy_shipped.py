"""What the shipped rules say. Owns: the table of calls that run, and of those that wait."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bridge import rules
from config import errors
from core import policy

SHIPPED = rules.load()

ALLOWED = [
    "pytest", "pytest -q", "pytest tests/test_a.py::test_b -x", "pytest -k 'a or b'", 'pytest -k "a; b"', "python3 -m pytest -q",
    "python -m unittest discover", "python3 -m unittest -q", "npm test", "npm run test", "npm test -- --watch=false", "make test",
    "make check", "cargo test --all", "go test ./pkg/x", "tox -e py311", "ls", "ls -la src", "pwd", "git status", "git status --short",
    "git diff", "git diff HEAD^ -- a.py", "git log --oneline -5", "git log --format='%h {x}'", "git show HEAD", "git blame a.py",
    "git add -A", "git add a.py b.py", 'git commit -m "a; b"', "git commit -q -m 'cost: $5 (all) `x` > y'", "  git   status  ",
    "git branch --show-current", "git commit -m 'two\nlines'",
]  # fmt: skip

ASKED = [
    # riding along behind an allowed beginning
    "pytest; rm -rf /", "pytest;rm x", "pytest && curl x", "pytest || true", "pytest | tee log", "pytest & rm x", "pytest &",
    "pytest\nrm -rf x", "pytest\r\nrm x", "\npytest\nrm x", "pytest $(rm x)", "pytest `rm x`", 'pytest "$(rm x)"', 'pytest "`rm x`"',
    'git commit -m "$(cat /etc/passwd)"', "git commit -m 'a' && git push", "pytest > /tmp/x", "pytest < x", "git log >> a",
    "git status #; rm x", "(pytest)", "{ pytest; }", "! pytest", "pytest 'a' \"b\"; rm x", "pytest 'a'\\''; rm x", "pytest '",
    'pytest "unclosed', "git commit -m \"a\" -m \"b\\\"; rm x\"", "ls ~", "ls *", "ls $HOME",
    # another program than the rule names
    "FOO=1 pytest", "env pytest", "sudo pytest", "PATH=. pytest", "/tmp/pytest", "./pytest", "pytest2", "pytestx -q", "npmtest",
    "'git status' x", "'pytest -q'", "bash -c pytest", "sh pytest", "xargs pytest", "time pytest", "command pytest", "\\pytest",
    "python3 -c 'import os'", "python3 -m http.server", "python3 tests/regenerate_fixtures.py", "python3 -mpytest",
    # an option that makes an allowed program write or run something else
    "git -c core.pager=x log", "git -C / log", "git --exec-path=/tmp status", "git diff --ext-diff", "git diff --output=.git/hooks/x",
    "git log --output x", "git commit --amend -m x", "git branch -D main", "git branch new", "make test SHELL=/tmp/x", "make",
    "make testx", "npm test --script-shell=/tmp/x", "git push", "git push origin main", "git pull", "git reset --hard", "git stash",
    "git checkout -b x", "git clean -fd", "git config user.name x", "git add", "git commitx", "rm -rf .", "curl https://x", "",
    " ", "\t", "''", "cat /proc/self/environ",
]  # fmt: skip


def said(tool: str, **fields: object) -> str:
    return policy.judge(SHIPPED, (), tool, json.dumps(fields)).action


@pytest.mark.parametrize("command", ALLOWED)
def test_runs(command: str) -> None:
    assert said("Bash", command=command) == "allow"


@pytest.mark.parametrize("command", [command for command in ASKED if command != "git add"])
def test_waits_for_a_person(command: str) -> None:
    assert said("Bash", command=command) == "ask"


@pytest.mark.parametrize("fields", [{}, {"command": None}, {"command": ["pytest"]}, {"command": 3}])
def test_a_command_that_is_none_waits(fields: dict[str, object]) -> None:
    assert said("Bash", **fields) == "ask"


@pytest.mark.parametrize(
    ("tool", "fields", "expected"),
    [
        ("Read", {"file_path": "/loop/workdir/a.py"}, "allow"),
        ("Read", {"file_path": "a/b/c.py"}, "allow"),
        ("Read", {"file_path": "/loop/workdir/.git/config"}, "allow"),
        ("Read", {"file_path": "/loop/capsule/thread.md"}, "allow"),
        ("Read", {"file_path": "/loop/context/notes/focus.md"}, "allow"),
        ("Read", {"file_path": "/loop/inbox/log.txt"}, "allow"),
        ("Read", {"file_path": "/etc/passwd"}, "ask"),
        ("Read", {"file_path": "../../etc/passwd"}, "ask"),
        ("Read", {"file_path": "/loop/workdir/../home/.bashrc"}, "ask"),
        ("Read", {"file_path": "/loop/workdirs/x"}, "ask"),
        ("Read", {"file_path": "/loop/inbox/../home/x"}, "ask"),
        ("Glob", {"pattern": "**/*.py"}, "allow"),
        ("Glob", {"pattern": "*", "path": "/loop/workdir"}, "allow"),
        ("Glob", {"pattern": "*", "path": "/"}, "ask"),
        ("Glob", {"pattern": "/etc/*"}, "ask"),
        ("Glob", {"pattern": "../home/*"}, "ask"),
        ("Glob", {"pattern": "../../etc/*", "path": "/loop/workdir/src"}, "ask"),
        ("Glob", {"pattern": "../*", "path": "/loop/workdir/src"}, "allow"),
        ("Grep", {"pattern": "/etc/.*"}, "allow"),
        ("Grep", {"pattern": "x", "path": "/proc"}, "ask"),
        ("Edit", {"file_path": "/loop/workdir/a.py"}, "allow"),
        ("Write", {"file_path": "/loop/workdir/.gitignore"}, "allow"),
        ("Write", {"file_path": "/loop/workdir/.github/ci.yml"}, "allow"),
        ("Write", {"file_path": "/loop/workdir/.git/hooks/pre-commit"}, "ask"),
        ("Write", {"file_path": "/loop/workdir/a/../.git/config"}, "ask"),
        ("Write", {"file_path": "/loop/workdir//.git//config"}, "ask"),
        ("Write", {"file_path": "/loop/workdir/.git"}, "ask"),
        ("Write", {"file_path": "/loop/workdir/vendor/x/.git/config"}, "ask"),
        ("Write", {"file_path": "/loop/workdir/.gitattributes"}, "ask"),
        ("Write", {"file_path": "/loop/workdir/.claude/settings.json"}, "ask"),
        ("Write", {"file_path": "/loop/capsule/x"}, "ask"),
        ("NotebookEdit", {"notebook_path": "/loop/workdir/a.ipynb"}, "allow"),
        ("NotebookEdit", {"notebook_path": "/loop/home/a.ipynb"}, "ask"),
        ("MultiEdit", {"file_path": "/loop/home/.profile"}, "ask"),
        ("TodoWrite", {"todos": []}, "allow"),
        ("TaskUpdate", {"taskId": "1"}, "allow"),
        ("WebFetch", {"url": "https://example.org"}, "ask"),
        ("WebSearch", {"query": "x"}, "ask"),
        ("mcp__other__tool", {}, "ask"),
        ("bash", {"command": "pytest"}, "ask"),
        ("SomethingNew", {}, "ask"),
    ],
)
def test_other_tools(tool: str, fields: dict[str, object], expected: str) -> None:
    assert said(tool, **fields) == expected


def test_a_rule_says_its_name() -> None:
    judged = policy.judge(SHIPPED, (), "Bash", json.dumps({"command": "pytest -q"}))
    assert judged.rule == "run the tests"


def test_a_home_without_rules_has_the_shipped_ones(tmp_path: Path) -> None:
    assert rules.load(tmp_path / "policy.toml") == SHIPPED


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[[rule]]\ntool = "Bash"\naction = "alow"', 'rule[1].action: expected one of allow, ask, deny; found "alow"'),
        ('[[rule]]\naction = "ask"', "rule[1].tool: expected a tool's name or a list of them (globs such as mcp__* too); found nothing"),
        ('[[rule]]\ntool = []\naction = "ask"', "rule[1].tool: expected a tool's name or a list of them"),
        ('[[rule]]\ntool = "A"\naction = "ask"\n[[rule]]\ntol = "B"\ntool = "B"\naction = "ask"',
         "rule[2].tol: expected a setting that exists; the nearest name is rule.tool"),
        ("[rule]\ntool = 'A'", "rule: expected a list of tables, [[rule]]"),
        ("[[rules]]", "rules: expected a setting that exists; the nearest name is rule"),
        ('[[rule]]\ntool = "Read"\ncommand = "x"\naction = "ask"', 'rule[1].command: expected it beside tool = "Bash" alone'),
        ('[[rule]]\ntool = "Bash"\ncommand = 3\naction = "ask"', "rule[1].command: expected a command or a list of them"),
        ("[[rule]", "line 1, column 7: expected valid TOML"),
    ],
)  # fmt: skip
def test_a_bad_rule_is_one_line(tmp_path: Path, text: str, line: str) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(text)
    with pytest.raises(errors.ConfigError) as caught:
        rules.load(path)
    assert str(caught.value).startswith(f"{path}: {line}")
    assert "\n" not in str(caught.value)
