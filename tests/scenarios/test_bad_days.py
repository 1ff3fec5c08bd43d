"""Bad input and bad days. Owns: that the thread says what happened, what is kept and what to do, and that Retry then works."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from pathlib import Path

import pytest

from adapters.rehearsal import script, server
from bridge import edge
from bridge.cli_copy import cli_copy
from tests.far_sides import ports
from tests.scenarios.house import PATIENCE, WORKER, House, Talk, house

FAULTS = """
[[rule]]
when.user = 'The last try was interrupted'
say = "I am back."
[[rule]]
when.task = 'bad key'
error = { status = 401 }
[[rule]]
when.task = 'busy for a while'
error = { status = 429, retry_after = 1, times = 2 }
say = "It took a little longer."
[[rule]]
when.task = 'overloaded'
error = { status = 529 }
[[rule]]
when.task = 'garbage'
error = { garbage = "<html>no" }
[[rule]]
when.task = 'cut'
error = { cut_after = 10, times = 1 }
say = "I was cut off in the middle, and said it again."
"""
KEPT = "Your loop and its files are kept."


async def failed(talk: Talk, words: str) -> None:
    """See the three facts of a failure in the thread, and that Retry mends it."""
    told = await talk.sees(lambda text: words in text and KEPT in text)
    assert "Retry" in talk.text(told).partition(KEPT)[2].partition("[1]")[0], talk.text(told)
    await talk.sees(lambda text: text.startswith("✗ ") and "\nfailed" in text and "Retry" in text)


async def test_a_model_that_fails_is_named_and_retry_goes_on_once_it_is_back() -> None:
    async with house(FAULTS) as home, home.bridge(), home.person() as maya:
        key, busy, over, junk, cut = [
            await maya.opens(f"/loop {task}")
            for task in (
                "with a bad key",
                "busy for a while",
                "is it overloaded",
                "talk garbage",
                "the stream is cut",
            )
        ]
        await busy.answered("It took a little longer.")
        await cut.answered("I was cut off in the middle, and said it again.")
        await over.sees("the model answered 529; trying again")
        for talk, words in (
            (key, "The model refused the key (401)."),
            (over, "The model is overloaded (529)."),
            (junk, ""),
        ):
            await failed(talk, words)
            told = await talk.sees(KEPT)
            await talk.presses(told, "Retry")
            await talk.answered("I am back.")
            await talk.sees(lambda text: text.startswith("✓ ") and "\nfinished" in text)


@pytest.mark.slow
async def test_a_model_that_cannot_be_reached_is_waited_for_then_named() -> None:
    port = ports.quiet()
    async with house() as home:
        config = home.home / "config.toml"
        there = f'base_url = "http://127.0.0.1:{port}"\napi_key = "k"'
        config.write_text(config.read_text().replace('rehearsal = "script.toml"', there))
        async with home.bridge(), home.person() as maya:
            talk = await maya.opens("/loop remember: kiwis")
            await talk.sees("the model can't be reached; trying again")
            await failed(talk, "The model")
            async with server.Rehearsal(script.parse(WORKER), key="k", port=port):
                await talk.presses(await talk.sees(KEPT), "Retry")
                await talk.answered("I will remember kiwis.")


async def test_a_cli_that_is_missing_is_named_and_retry_goes_on_once_it_is_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with house() as home:
        real, version = await asyncio.to_thread(cli_copy, home.home)
        place = home.root / "claude"
        monkeypatch.setattr(edge, "cli_copy", lambda where: (place, version))
        async with home.bridge(), home.person() as maya:
            talk = await maya.opens("/loop remember: kiwis")
            told = await talk.sees(KEPT)
            assert "doctor" in talk.text(told) or "bootstrap" in talk.text(told), talk.text(told)
            os.link(real, place)
            await talk.presses(told, "Retry")
            await talk.answered("I will remember kiwis.")


async def test_a_cli_that_is_killed_fails_the_turn_alone() -> None:
    async with house() as home, home.bridge(), home.person() as maya:
        talk = await maya.opens("/loop --repo demo run: touch one")
        ask = await talk.asked("touch one")
        other = await maya.opens("/loop remember: plums")
        await other.answered("plums")
        handle = re.search(r"#([0-9a-f]{6})", talk.text(await talk.sees("· driver Maya")))
        assert handle is not None
        for pid in boxes_of(home, handle[1]):
            os.kill(pid, signal.SIGKILL)
        await failed(talk, "The agent's process")
        await talk.sees("– withdrawn: the turn ended before anybody decided")
        await talk.presses(ask, "Allow once")
        await talk.sees("is over (withdrawn). Nothing ran")
        await talk.presses(await talk.sees(KEPT), "Retry")
        await talk.presses(await talk.asked("touch one"), "Allow once")
        await talk.answered("Done")
        said = await other.says("recall")
        await other.answered("You said plums.", after=said)


def boxes_of(home: House, handle: str) -> list[int]:
    """Return the processes of a loop's box."""
    inside = f"/home/loops/{handle}"
    return [pid for pid in home.boxed() if inside in Path("/proc", str(pid), "mountinfo").read_text()]


async def test_a_spent_budget_is_raised_in_the_thread_and_the_loop_goes_on() -> None:
    async with house() as home, home.bridge(), home.person() as maya:
        talk = await maya.opens("/loop --budget 0.001 run: ls tests")
        told = await talk.sees("The loop's budget is spent.")
        assert "/loop budget 5" in talk.text(told)
        await talk.says("/loop budget 5")
        await talk.sees("may spend $5.00 in all")
        await talk.presses(told, "Retry")
        await talk.answered("test_session.py")


async def test_bad_input_gets_a_clear_answer_and_starts_nothing() -> None:
    async with house() as home, home.bridge(), home.person() as maya:
        talk = await maya.opens("hello")
        for words, expected in (
            ("/loop", "You drive no loop."),
            ("/loop start", "A loop needs a task."),
            ("/loop start \x00\x01\x02\x07\x1b[2J", "can be read as text"),
            ("/loop " + "x" * 200_000, "The task has 200,000 characters; at most 20,000 fit."),
            ("/loop --repo dmo fix it", "There is no repository `dmo` here. Nearest: `demo`."),
            ("/loop statsu", "`/loop help`"),
            ("/loop --brnch x fix it", "--branch"),
            ("/loop approve 7f3", "no loop"),
            ("/loop why zzz", "Of what?"),
        ):
            said = await talk.says(words)
            await talk.sees(expected, after=said)
        assert not list((home.home / "loops").iterdir())
        assert talk.count("· driver") == 0


@pytest.mark.slow
async def test_a_thread_of_thousands_of_messages_is_bounded_and_says_so() -> None:
    async with house() as home, home.bridge(), home.person() as maya:
        talk = await maya.opens("the first word")
        for start in range(0, 3_000, 250):
            await asyncio.gather(*(talk.says(f"line {start + i} of a very long talk") for i in range(250)))
        said = await talk.says("/loop remember: kiwis")
        await talk.answered("kiwis", after=said)
        card = talk.text(await talk.sees("Context: "))
        given = re.search(
            r"Context: ([\d,]+) messages by 1 person\. Left out: ([\d,]+) older messages that did not fit\.",
            card,
        )
        assert given is not None, card
        taken, left = (int(number.replace(",", "")) for number in given.groups())
        assert taken + left == 3_002, card
        capsule = (home.folder() / "capsule" / "thread.xml").read_text()
        assert "the first word" in capsule
        assert "line 2999 of" in capsule
        assert f'<left-out messages="{left}"/>' in capsule
        assert len(capsule) < 120_000


async def test_a_home_that_cannot_be_used_ends_with_a_line_that_says_what_to_do() -> None:
    async with house() as home:
        config = home.home / "config.toml"
        good = config.read_text()
        config.write_text(good + "\n[modle]\nname = 1\n")
        code, said = await run(home)
        assert code == 78
        assert "config.toml" in said
        assert "modle" in said
        assert "model" in said.replace("modle", "")
        config.write_text("[model\n\x00")
        code, said = await run(home)
        assert code == 78
        assert "config.toml" in said
        config.write_text(good)
        home.database.write_bytes(b"SQLite format 3\x00" + b"\xff" * 8000)
        code, said = await run(home)
        assert code == 1
        assert "bridge.db" in said
        assert "  → " in said


async def run(home: House) -> tuple[int, str]:
    async with home.launched() as daemon:
        code = await daemon.ended()
    said = "\n".join(line for line in daemon.said if not line.startswith("{"))
    assert "Traceback" not in said, said
    return code, said


@pytest.mark.slow
async def test_nothing_that_was_acked_is_lost_on_a_full_disk(home: Path) -> None:
    script = 'mount -t tmpfs -o size=80m,mode=700 tmpfs "$1" && exec "$2" -m tests.scenarios.full_disk "$1"'
    own = ["--map-current-user", "--keep-caps"] if os.geteuid() else []
    child = await asyncio.create_subprocess_exec(
        "unshare", *own, "--mount", "sh", "-c", script, "sh", str(home), sys.executable,
        cwd=Path(__file__).parents[2], stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    async with asyncio.timeout(4 * PATIENCE):
        said, _ = await child.communicate()
    assert child.returncode == 0, said.decode()
