"""What a crash left in the database is taken up once, as if nothing had happened."""

from __future__ import annotations

from adapters.store.store import SqlStore
from bridge.clock import SystemClock
from core import events
from core.ids import identity_key, thread_key
from tests.scenarios.house import Talk, house


async def test_an_event_that_was_stored_and_not_handled_is_taken_up_once() -> None:
    async with house() as home:
        async with home.bridge(), home.person() as maya:
            talk = await maya.opens("this is broken, see the third line")
        clock = SystemClock()
        left = events.Posted(
            lane=thread_key("local", "home", "general", str(talk.root)),
            at=clock.now(),
            message="1000000",
            author=events.Author(identity=identity_key("local", "home", "maya"), name="Maya"),
            text="/loop --repo demo run: sh -c 'echo ran | tee -a log'",
        )
        async with SqlStore(f"sqlite:///{home.database}", clock=clock) as store:
            assert len(await store.arrive([left])) == 1
        async with home.bridge(), home.person() as maya:
            talk = Talk(maya, talk.root)
            await talk.presses(await talk.asked("tee"), "Allow once")
            await talk.answered("[result Bash] ran")
            assert talk.count("Back after") == 0, talk.transcript
            assert talk.count("could not be read") == 0, talk.transcript
            assert (home.folder() / "workdir" / "log").read_text() == "ran\n"
