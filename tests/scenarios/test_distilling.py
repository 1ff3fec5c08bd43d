"""Distilling with the real CLI: from a discussion to claims with sources, and back when a source changes. Owns: the story's script."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from core import events, graph, ids
from tests.scenarios.house import PATIENCE, House, house, until

SCRIPT = r"""
[[rule]] # a distill loop: one claim that has a source, one that has none
when.after = 0
when.system = 'You condense what people said'
when.user = 'address="([^"]+)"[^>]*>[^<]*injected'
when.unless.user = '<reopen'
say = "I write it down."
tools = [{ name = "Write", input = { file_path = "/loop/context/knowledge/clock.md", content = "# The clock\n\n- Tokens are compared with an injected clock.[^1]\n- Everybody likes it.\n\n[^1]: {1}\n" } }]

[[rule]] # the source changed: the claim is sharpened
when.after = 0
when.system = 'You condense what people said'
when.user = '<reopen'
say = "I look at the page."
tools = [{ name = "Read", input = { file_path = "/loop/context/knowledge/clock.md" } }]

[[rule]]
when.after = 1
when.system = 'You condense what people said'
when.user = '(?s)<message address="([^"]+)"[^>]*>[^<]*frozen.*<reopen'
say = "I mend it."
tools = [{ name = "Write", input = { file_path = "/loop/context/knowledge/clock.md", content = "# The clock\n\n- Tokens are compared with a frozen clock.[^1]\n\n[^1]: {1}\n" } }]

[[rule]]
when.after = 2
when.system = 'You condense what people said'
when.user = '<reopen'
tools = [{ name = "mcp__loop__promote", input = { layer = "knowledge", summary = "how tokens meet the clock" } }]

[[rule]]
when.after = 1
when.system = 'You condense what people said'
tools = [{ name = "mcp__loop__promote", input = { layer = "knowledge", summary = "how tokens meet the clock" } }]

[[rule]]
when.results = '(?s)(Proposal .*)'
say = "One page. {1}"

[[rule]]
when.system = 'You condense what people said'
say = "Nothing yet: it was all small talk."

[[rule]]
say = "I am here."
"""


def page(made: House) -> str:
    """Return the page as knowledge holds it now, empty while it does not."""
    where = f"--git-dir={made.home}/context/knowledge.git"
    done = subprocess.run(
        ["git", where, "show", "main:clock.md"], capture_output=True, text=True, check=False
    )
    return done.stdout


async def test_a_discussion_becomes_claims_that_are_reopened_when_a_source_changes() -> None:
    async with house(SCRIPT) as made, made.bridge() as bridge, made.person() as maya:
        talk = await maya.opens("the login test fails again")
        said = await talk.says("it works with an injected clock, never with the wall")
        await talk.says("/loop distill thread")
        card = await talk.sees("proposal")
        shown = talk.text(card)
        assert "Unproven" in shown
        assert "Everybody likes it." in shown
        assert page(made) == ""
        await talk.presses(card, "Merge")
        await until(lambda: "injected clock" in page(made))
        source = graph.message(f"local:home/general/{talk.root}#{said}")  # type: ignore[arg-type]

        async def claims() -> list[graph.Node]:
            await bridge.dispatcher.idle()
            return [node for node in await bridge.store.distilled([source]) if not node.props.get("deleted")]

        async def seen(holds: Callable[[list[graph.Node]], bool]) -> list[graph.Node]:
            async with asyncio.timeout(PATIENCE):
                while not holds(found := await claims()):  # noqa: ASYNC110 - a row tells no one
                    await asyncio.sleep(0.02)
            return found

        (claim,) = await seen(bool)
        assert claim.text == "Tokens are compared with an injected clock."
        assert not claim.props.get("flagged")

        quiet = await talk.says("/loop distill")
        await talk.sees("Nothing new was said here", after=quiet)

        await maya.client.edit(said, "it works with a frozen clock, never with the wall")
        (flagged,) = await seen(lambda found: bool(found[0].props.get("flagged")))
        assert (flagged.key, flagged.props["how"]) == (claim.key, "edited")

        before = await talk.says("/loop distill thread")
        again = await talk.sees("proposal", after=before)
        assert "Unproven" not in talk.text(again)
        await maya.client.edit(said, "it works with a frozen clock, and with nothing else")
        again = await talk.sees("its source was edited since", after=before)
        await talk.presses(again, "Merge")
        asked = await talk.sees("Maya wants to merge it, but 1 claim rests on what was edited", after=before)
        assert "frozen clock" not in page(made)
        await talk.presses(asked, "Merge anyway")
        await until(lambda: "frozen clock" in page(made))
        (late,) = await seen(
            lambda found: (
                bool(found) and found[0].text.endswith("a frozen clock.") and bool(graph.flagged(found[0]))
            )
        )
        assert graph.flagged(late) == "edited"
        await talk.sees("1 claim flagged: a source changed", after=before)


async def test_the_clock_distils_in_silence_until_there_is_something() -> None:
    config = '[jobs.distill]\nwhere = "local:home/general/1"\n'
    async with house(SCRIPT, config=config) as made, made.bridge() as bridge, made.person() as maya:
        where = await maya.opens("a place for pages")
        lane = ids.thread_key("local", "home", "general", str(where.root))
        talk = await maya.opens("nice weather")

        async def heard(message: int) -> None:
            """Wait until the bridge has taken a message in: the clock does not wait for what a room still has to tell."""
            key = graph.message(f"local:home/general/{talk.root}#{message}")  # type: ignore[arg-type]
            async with asyncio.timeout(PATIENCE):
                while not await bridge.store.nodes([key]):  # noqa: ASYNC110 - a row tells no one
                    await asyncio.sleep(0.02)

        async def tick(day: int) -> None:
            due = datetime.now(UTC) + timedelta(days=day)
            jobs = ids.thread_key("bridge", "jobs", "distill", "main")
            await bridge.dispatcher.emit(
                events.Ticked(lane=jobs, at=datetime.now(UTC), job="distill", due=due)
            )

        await heard(talk.root)
        await tick(1)
        async with asyncio.timeout(PATIENCE):
            while (loop := (await bridge.store.desk(lane)).loop) is None or loop.live:  # noqa: ASYNC110 - a row tells no one
                await asyncio.sleep(0.05)
        assert loop.turn is not None
        assert loop.turn.answer.startswith("Nothing yet")
        assert where.texts == talk.texts == []
        await heard(await talk.says("it works with an injected clock, never with the wall"))
        await tick(2)
        card = await where.sees("proposal")
        assert "Everybody likes it." in where.text(card)
        assert talk.texts == []
