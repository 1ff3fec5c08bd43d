"""The repository that the demo works on. Owns: seed. Imports: subprocess. Effects: makes a bare origin with one commit."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

FILES = {
    "app/__init__.py": "",
    "app/session.py": '''"""Sessions of people who are logged in."""


def is_expired(issued_at: int, lifetime: int, now: int) -> bool:
    """Whether a session issued at `issued_at` is over at `now` (seconds)."""
    return now - issued_at > lifetime
''',
    "tests/__init__.py": "",
    "tests/fixtures.json": '{"issued_at": 1000, "lifetime": 60}\n',
    "tests/test_session.py": """import json
import pathlib
import unittest

from app.session import is_expired

GIVEN = json.loads(pathlib.Path(__file__).with_name("fixtures.json").read_text())


class SessionTest(unittest.TestCase):
    def test_token_is_valid_before_its_lifetime(self):
        self.assertFalse(is_expired(GIVEN["issued_at"], GIVEN["lifetime"], GIVEN["issued_at"] + GIVEN["lifetime"] - 1))

    def test_token_expires_at_its_lifetime(self):
        self.assertTrue(is_expired(GIVEN["issued_at"], GIVEN["lifetime"], GIVEN["issued_at"] + GIVEN["lifetime"]))
""",
    "tools/regenerate_fixtures.py": '''"""Write tests/fixtures.json anew."""

import json
import pathlib

PLACE = pathlib.Path(__file__).parent.parent / "tests" / "fixtures.json"
PLACE.write_text(json.dumps({"issued_at": 1000, "lifetime": 60, "made_by": "regenerate_fixtures"}) + "\\n")
''',
    ".gitignore": "__pycache__/\n",
    "README.md": "# demo\n\nA small service with a bug: run `python3 -m unittest`.\n",
}
WHEN = "2026-01-05T09:00:00Z"


def seed(origin: Path) -> None:
    """Make a bare repository at `origin` whose tests fail by one comparison."""
    with tempfile.TemporaryDirectory(prefix="loopbridge-seed-") as work:
        tree = Path(work)
        for name, text in FILES.items():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_text(text, encoding="utf-8")
        _git(tree, "init", "-q", "-b", "main")
        _git(tree, "add", "-A")
        _git(tree, "commit", "-q", "-m", "Sessions that expire")
        origin.parent.mkdir(parents=True, exist_ok=True)
        _git(tree, "clone", "-q", "--bare", str(tree), str(origin))


def _git(where: Path, *arguments: str) -> None:
    env = {
        "PATH": os.defpath + ":/usr/local/bin",
        "HOME": str(where),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        **{
            f"GIT_{role}_{field}": value
            for role in ("AUTHOR", "COMMITTER")
            for field, value in (("NAME", "Ada"), ("EMAIL", "ada@demo.invalid"), ("DATE", WHEN))
        },
    }
    subprocess.run(["git", "-C", str(where), *arguments], check=True, env=env, stdout=subprocess.DEVNULL)
