"""The pure parts of the agent adapter: notes, sentences, harmless text, arguments, the box's settings, places."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.agent import errors, faults, managed, notes, options, plain
from adapters.agent.places import Places
from core import ids
from core.ports import Leg
from tests.patience import PATIENCE

PYTEST_FAILED = """
FAILED tests/test_login.py::test_refresh - AssertionError
=================== 1 failed, 3 passed, 2 warnings in 0.12s ===================
"""


@pytest.mark.parametrize(
    ("output", "ok", "said"),
    [
        (PYTEST_FAILED, False, "1 failed, 3 passed"),
        ("....\n4 passed in 0.02s", True, "4 passed"),
        ("2 errors in 0.50s\n", False, "2 errors"),
        ("=== 214 passed, 3 skipped in 61.20s (0:01:01) ===", True, "214 passed, 3 skipped"),
        ("..\nRan 2 tests in 0.001s\n\nOK\n", True, "2 passed"),
        (
            "F.E\nRan 3 tests in 0.1s\n\nFAILED (failures=1, errors=1)\n",
            False,
            "1 failed, 1 errors, 1 passed",
        ),
        ("F.\nRan 2 tests in 0.1s\n\nFAILED (errors=1)\n", False, "1 errors, 1 passed"),
        ("Exit code 127\nbash: nope: command not found", False, "exit code 127"),
        ("I say: 12 passed in my class", True, ""),
        ("no exit code at all", False, "failed"),
        ("fine", True, ""),
    ],
)
def test_what_a_command_came_to(output: str, ok: bool, said: str) -> None:
    assert notes.note("Bash", {}, output, ok=ok) == said


@pytest.mark.parametrize(
    ("tool", "fields", "said"),
    [
        ("Edit", {"old_string": "a\nb\nc", "new_string": "a\nB\nC\nc"}, "+2 −1"),
        ("Edit", {"old_string": "a", "new_string": "b", "replace_all": True}, ""),
        ("MultiEdit", {"edits": [{"old_string": "a", "new_string": ""}, {"old_string": "x", "new_string": "x\ny"}]}, "+1 −1"),
        ("Write", {"content": "one\ntwo\n"}, "2 lines"),
        ("Write", {"content": "one"}, "1 line"),
        ("Edit", {"old_string": 7, "new_string": None}, "+0 −0"),
        ("Read", {"file_path": "/etc/passwd"}, ""),
    ],
)  # fmt: skip
def test_what_a_change_came_to(tool: str, fields: dict[str, object], said: str) -> None:
    assert notes.note(tool, fields, "", ok=True) == said


@given(st.sampled_from(["Bash", "Edit", "Write", "Read"]), st.text(), st.booleans())
def test_notes_are_short_and_harmless(tool: str, output: str, ok: bool) -> None:
    said = notes.note(tool, {"content": output, "new_string": output}, output, ok=ok)
    assert len(said) <= notes.LIMIT
    assert "\n" not in said


@given(st.text(alphabet=st.characters()), st.integers(min_value=2, max_value=50))
def test_short_text_is_one_line_of_valid_text(text: str, limit: int) -> None:
    line = plain.short(text, limit)
    assert len(line) <= limit
    line.encode()
    assert plain.whole(plain.whole(text, 99), 100) == plain.whole(text, 99)


def test_text_loses_what_deceives() -> None:
    assert plain.whole("a\x1b[31mb\x1b]0;t\x07c\u202ed\u200be\ud800f\tg\nh\r", 99) == "abcdef\tg\nh"


@pytest.mark.parametrize(
    ("status", "subtype", "text", "says"),
    [
        (401, "success", "API Error: 401 nope", "The model refused the key (401)."),
        (529, "success", "API Error: 529 nope", "The model is overloaded (529)."),
        (502, "success", "API Error: 502 x", "The model could not be reached (502)."),
        (400, "success", "API Error: 400 too\x1b[1m odd", "The model refused the request (400): too odd"),
        (400, "success", "API Error: 400 The loop's budget of $2.00 is spent. More", "The loop's budget of $2.00 is spent."),
        (None, "error_max_turns", "Reached", "The agent took more steps than one turn may have."),
        (402, "success", "API Error: 402 The loop's budget is spent. Its work is kept.", "The loop's budget is spent."),
        (None, "error_max_budget_usd", "Reached", "The loop's budget is spent."),
        (None, "success", "API Error: Connection error.", "The model could not be reached."),
        (None, "error_during_execution", "", "The agent ended with an error: error_during_execution"),
    ],
)  # fmt: skip
def test_a_failed_result_in_a_sentence(status: int | None, subtype: str, text: str, says: str) -> None:
    what, remedy = faults.of_result(status=status, subtype=subtype, text=text)
    assert what == says
    assert remedy.endswith(".")


def test_whatever_the_sdk_raises_has_a_sentence_and_a_remedy() -> None:
    for exc in (
        ValueError("x"),
        RecursionError(),
        UnicodeDecodeError("utf-8", b"", 0, 1, "x"),
        Exception("odd"),
    ):
        gone = errors.gone(exc)
        assert str(gone).endswith((".", "odd"))
        assert gone.remedy


def test_the_sdk_is_not_imported_before_it_is_needed() -> None:
    code = (
        "import sys, adapters.agent.runner, adapters.agent.managed; print('claude_agent_sdk' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def _leg() -> Leg:
    loop = ids.LoopId("0" * 32)
    return Leg(
        loop=loop,
        thread=ids.ThreadKey("local:w/c/1"),
        turn=ids.turn_id(loop, 1),
        number=1,
        launcher=Path("/home/launch"),
        cwd="/loop/workdir",
        session="f57e3bd4-c8fc-4640-96d5-1bcf9a279272",
        resume=False,
        prompt="do it",
        system="--dangerously-skip-permissions",
        model="--model",
        budget_usd=1.5,
    )


def test_no_value_becomes_a_flag_and_the_prompt_is_no_argument() -> None:
    argv = options.command(_leg(), resume=False, tools=options.TOOLS, max_turns=40)
    assert argv[0] == "/home/launch"
    assert "--dangerously-skip-permissions" not in argv
    assert all(word.startswith("--") for word in argv[1:])
    assert "do it" not in " ".join(argv)
    assert {
        "--strict-mcp-config",
        "--setting-sources=user",
        "--permission-mode=default",
        "--max-budget-usd=1.500000",
    } <= set(argv)
    assert f"--session-id={_leg().session}" in argv
    resumed = options.command(replace(_leg(), budget_usd=None), resume=True, tools=("Read",), max_turns=None)
    assert f"--resume={_leg().session}" in resumed
    assert not any(word.startswith(("--session-id", "--max-")) for word in resumed)


def test_the_managed_settings_keep_approvals_on() -> None:
    content = json.loads(managed.settings(hooks={"Stop": [{"hooks": []}]}))
    assert content["allowManagedHooksOnly"] is content["allowManagedPermissionRulesOnly"] is True
    assert content["permissions"]["disableBypassPermissionsMode"] == "disable"
    assert content["hooks"] == {"Stop": [{"hooks": []}]}
    assert content["autoMemoryEnabled"] is False
    given = json.loads(managed.settings(memory="/loop/context/personal/memory"))
    assert given["autoMemoryDirectory"] == "/loop/context/personal/memory"
    assert "autoMemoryEnabled" not in given
    env = managed.environment(home="/home/loop", model_socket="/run/model.sock")
    assert env["ANTHROPIC_BASE_URL"] == "http://localhost"
    assert env["CLAUDE_CONFIG_DIR"].startswith("/home/loop/")


async def test_places_are_given_in_order_even_when_somebody_leaves() -> None:
    places = Places(1)
    told: list[tuple[int, int]] = []
    order: list[int] = []

    async def work(number: int) -> None:
        async def waiting(ahead: int) -> None:
            told.append((number, ahead))

        async with places.hold(waiting):
            order.append(number)
            await asyncio.sleep(0.01)

    tasks = [asyncio.create_task(work(number)) for number in range(4)]
    await asyncio.sleep(0)
    tasks[2].cancel()
    await asyncio.wait(tasks)
    assert told == [(1, 1), (2, 2), (3, 3)]
    assert order == [0, 1, 3]
    async with asyncio.timeout(PATIENCE):
        await work(9)
    assert order[-1] == 9
