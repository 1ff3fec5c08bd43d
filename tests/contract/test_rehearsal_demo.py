"""The demo's script, played by the real CLI in a real repository."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.rehearsal import script
from adapters.rehearsal.server import Rehearsal
from tests.contract.rehearsal_rig import no_objections, talk

DEMO = Path(script.__file__).with_name("demo.toml")
SESSION = """def is_expired(issued_at, lifetime, now):
    return now - issued_at > lifetime
"""
TEST = """import unittest
from app.session import is_expired


class SessionTest(unittest.TestCase):
    def test_token_expires_at_its_lifetime(self):
        self.assertTrue(is_expired(0, 60, 60))
"""


def seed(root: Path) -> None:
    files = {
        "app/__init__.py": "",
        "app/session.py": SESSION,
        "tests/__init__.py": "",
        "tests/test_session.py": TEST,
        "tools/regenerate_fixtures.py": "open('tests/fixtures.json', 'w').write('[60]')\n",
        ".gitignore": "__pycache__/\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    for command in (
        ["init", "-q", "-b", "main"],
        ["config", "user.name", "Loop"],
        ["config", "user.email", "loop@example.invalid"],
        ["add", "-A"],
        ["commit", "-q", "-m", "Seed"],
    ):
        subprocess.run(["git", *command], cwd=root, check=True)


def subjects(root: Path) -> list[str]:
    command = ["git", "log", "--format=%s"]
    return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout.splitlines()


@pytest.mark.parametrize("approved", [True, False])
async def test_the_demo_mends_the_repository(tmp_path: Path, approved: bool) -> None:
    root = tmp_path / "workdir"
    seed(root)
    given = script.parse(DEMO.read_text().replace("/loop/workdir", str(root)), name="demo.toml")
    async with (
        Rehearsal(given) as model,
        talk(model, tmp_path, refuse="" if approved else "regenerate_fixtures") as cli,
    ):
        result = await cli.say("<thread>Ravi: the clock?</thread>\n<task>fix the failing test</task>")
        assert (result.result or "").startswith("Fixed: "), cli.results
        assert ("not approved" in (result.result or "")) is not approved
        assert subjects(root) == ["Expire a session at its lifetime, not after it", "Seed"]
        assert (root / "tests" / "fixtures.json").exists() is approved
        check = [sys.executable, "-m", "unittest", "-q"]
        assert (await asyncio.to_thread(subprocess.run, check, cwd=root, capture_output=True)).returncode == 0
        again = await cli.say("The turn was interrupted. <task>fix the failing test</task>")
        assert "before the interruption" in (again.result or "")
        assert len(subjects(root)) == 2
        no_objections(model)


async def test_the_demo_is_finished_by_a_new_session_after_a_kill(tmp_path: Path) -> None:
    root = tmp_path / "workdir"
    seed(root)
    (root / "app" / "session.py").write_text(SESSION.replace(">", ">="))
    given = script.parse(DEMO.read_text().replace("/loop/workdir", str(root)), name="demo.toml")
    async with Rehearsal(given) as model, talk(model, tmp_path) as cli:
        result = await cli.say("Your turn was interrupted.\n<task>fix the failing test</task>")
        assert "carried on from what was there" in (result.result or ""), cli.results
        assert len(subjects(root)) == 2
        no_objections(model)
