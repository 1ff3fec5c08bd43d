"""What can go wrong between Slack and the bridge, for the chat checks. Owns: SlackTrouble. Effects: spoils the far side's traffic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.contract.chat_slack_rig import SlackRig

UNKNOWN = "something_of_the_future"


class SlackTrouble:
    """Bad days of a rig. Over HTTP every delivery has a connection of its own, so that none can fall silent for long."""

    def __init__(self, rig: SlackRig) -> None:
        self._rig = rig

    async def away(self) -> None:
        await self._rig.slack.settled()
        await self._rig.close()

    async def back(self) -> None:
        await self._rig.slack.settled()
        assert self._rig.slack.lost
        await self._rig.open()

    async def limit_posts(self) -> float:
        # Longer than the adapter waits by itself, then so short that it does.
        self._rig.slack.faults.rate_limit("chat.postMessage", retry_after=3)
        self._rig.slack.faults.rate_limit("chat.postMessage", retry_after=1)
        return 3.0

    async def limit_edits(self) -> None:
        self._rig.slack.faults.rate_limit("chat.update", retry_after=2)

    def refusals(self) -> int:
        return self._rig.slack.refusals

    async def fall_silent(self) -> None:
        self._rig.ping_every = 0.3
        await self._rig.reconnect()
        self._rig.slack.half_open()

    async def send_unknown(self) -> str:
        self._rig.slack.send_event({"type": UNKNOWN, "deep": {"a": [1]}})
        return UNKNOWN

    def secrets(self) -> Sequence[str]:
        given = self._rig.arguments()
        return [*given["bot_tokens"], given["app_token"], given["signing_secret"]]
