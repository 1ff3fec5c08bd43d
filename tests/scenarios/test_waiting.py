"""What waits for a person outlives the process that asked, and the bridge itself. Owns: parking, restarts, the home's one bridge."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing

from tests.scenarios.house import Talk, house, until

COUNTED = "/loop --repo demo run: sh -c 'echo ran | tee -a log'"


async def test_a_parked_session_goes_on_at_exactly_the_call_that_was_decided() -> None:
    async with house(config='[asks]\npark_after = "0s"\n') as home, home.bridge(), home.person() as maya:
        talk = await maya.opens(COUNTED)
        ask = await talk.asked("tee")
        await until(lambda: not home.boxed(), every=0.1)
        await talk.sees("waiting for Maya or an admin")
        await talk.presses(ask, "Allow once")
        await talk.answered("[result Bash] ran")
        assert (home.folder() / "workdir" / "log").read_text() == "ran\n"
        await talk.stands("may I run this?", 0)  # it was not asked twice
        assert talk.count("Back after") == 0


async def test_a_parked_session_hears_a_no_and_runs_what_was_edited() -> None:
    async with house(config='[asks]\npark_after = "0s"\n') as home, home.bridge(), home.person() as maya:
        one, two = (
            await maya.opens("/loop run: touch /tmp/one"),
            await maya.opens("/loop run: touch /tmp/two"),
        )
        asks = [await one.asked("touch"), await two.asked("touch")]
        await until(lambda: not home.boxed(), every=0.1)
        await one.presses(asks[0], "Deny…", "not now")
        await two.presses(asks[1], "Edit", "echo instead")
        await one.answered("denied it because: not now")
        await two.answered("[result Bash] instead")


async def test_a_stop_and_a_start_leave_the_ask_with_its_old_button() -> None:
    async with house() as home, home.daemon() as daemon, home.person() as maya:
        talk = await maya.opens(COUNTED)
        ask = await talk.asked("tee")
        assert await daemon.stop() == 0
        await until(lambda: home.boxed() == [])
        assert not daemon.complaints(), daemon.said
        assert not os.path.exists(f"{home.database}-wal"), "the database was not closed"
        with closing(sqlite3.connect(home.database)) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        await daemon.start()
        await talk.sees("The ask above still waits; an answer to it counts as before.")
        await talk.presses(ask, "Allow once")
        await talk.answered("[result Bash] ran")
        assert (home.folder() / "workdir" / "log").read_text() == "ran\n"
        await talk.stands("may I run this?", 0)
        assert_said_once(talk)
        await talk.presses(ask, "Deny…", "too late")
        await talk.sees("was allowed by Maya already. Nothing changed.")
        assert await daemon.stop() == 0
        await until(lambda: home.boxed() == [])


async def test_a_no_given_while_the_session_is_gone_is_a_no() -> None:
    async with house() as home, home.daemon() as daemon, home.person() as maya:
        talk = await maya.opens(COUNTED)
        ask = await talk.asked("tee")
        await daemon.kill()
        await daemon.start()
        await talk.presses(ask, "Deny…", "I changed my mind")
        await talk.answered("Not done: Maya denied it because: I changed my mind")
        assert not (home.folder() / "workdir" / "log").exists()


async def test_a_home_has_one_bridge() -> None:
    async with house() as home, home.daemon() as first:
        async with home.launched() as second:
            code = await second.ended()
        assert code == 77
        said = "\n".join(second.said)
        assert f"Another bridge (process {first.pid}) has the database" in said
        assert f"→ Stop process {first.pid} first" in said
        assert (await first.health())["status"] == "ok"


def assert_said_once(talk: Talk) -> None:
    """See that nothing in the thread stands there twice."""
    texts = talk.texts
    assert len(texts) == len(set(texts)), talk.transcript
