"""Fifty loops that report into one workspace for a minute. Owns: fifty. Imports: adapters.chat.slack, tests. Effects: a far side on loopback.

Slack's limits and its time are the real ones. Fifty threads in ten channels; each card changes twice a second, each loop asks once and
answers once, at seeded moments.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from adapters.chat.slack import plugin
from bridge.clock import SystemClock
from tests.bench.report import CALLS, Line
from tests.bench.slack_crowd import ANSWERS, ASKS, crowd
from tests.far_sides.slack import Slack

LOOPS, CHANNELS = 50, 10
SECONDS, EVERY, SEED = 60.0, 0.5, 7
DRAIN = 180.0


async def fifty(root: Path) -> Sequence[Line]:
    """Count refusals, and how long answers and asks took from being ready until Slack was asked to post them."""
    async with Slack() as slack:
        slack.user("maya")
        build = plugin.build(
            clock=SystemClock(),
            bot_tokens=[slack.bot_token],
            app_token=slack.app_token,
            api_url=slack.base_url,
        )
        async with (
            build as chat,
            crowd(slack, chat, root / "fifty.db", loops=LOOPS, channels=CHANNELS) as loops,
        ):
            await loops.reports(seconds=SECONDS, every=EVERY, seed=SEED)
            edits, refusals = loops.edits, slack.refusals
            drained = await loops.told(DRAIN)
            if faults := loops.faults():
                raise RuntimeError("\n".join(faults))
            answers, asks = loops.waits(ANSWERS), loops.waits(ASKS)
            note = (
                f"{LOOPS} loops in {CHANNELS} channels, a card's change every {EVERY:g} s: {edits} edits in the minute; "
                f"slowest ask {max(asks):.2f} s; nothing lost or out of order; the last card was true {drained:.0f} s after the minute"
            )
            refused = [float(slack.refusals), float(refusals)]
    what = f"{LOOPS} loops report for a minute → "
    return [
        Line(name="slack-fifty", what=f"{what}refusals (429)", ours=refused, goal=0, unit=CALLS, note=note),
        Line(
            name="slack-fifty",
            what=f"{what}an answer is ready → Slack is asked, the slowest",
            ours=[max(answers)],
            goal=2.0,
        ),
    ]
