"""What can go wrong between Discord and the bridge, for the chat checks. Owns: DiscordTrouble. Effects: spoils the far side's traffic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tests.far_sides.discord.server import TOKEN

if TYPE_CHECKING:
    from tests.contract.chat_discord_rig import DiscordRig

UNKNOWN = "SOMETHING_OF_THE_FUTURE"


class DiscordTrouble:
    """Bad days of a rig."""

    def __init__(self, rig: DiscordRig) -> None:
        self._rig = rig
        self._faults = 0

    async def away(self) -> None:
        await self._rig.close()

    async def back(self) -> None:
        await self._rig.open()

    async def limit_posts(self) -> float:
        self._limit("POST /channels/*/messages", 0.5)
        return 0.5

    async def limit_edits(self) -> None:
        self._limit("PATCH /channels/*/messages/*", 2.0)

    def _limit(self, route: str, seconds: float) -> None:
        self._rig.far.rest.faults.add(route, "rate", seconds, times=2)
        self._faults += 2

    def refusals(self) -> int:
        return self._faults - self._rig.far.rest.faults.left

    async def fall_silent(self) -> None:
        self._rig.far.gateway.interval = 200
        self._rig.arguments["heartbeat_timeout"] = 1.0
        await self._rig.reconnect()
        self._rig.far.gateway.go_deaf()

    async def send_unknown(self) -> str:
        self._rig.far.gateway.send_raw(UNKNOWN, {"deep": {"a": [1]}})
        return UNKNOWN

    def secrets(self) -> Sequence[str]:
        return [TOKEN]
