"""What can go wrong between the homeserver and the bridge, for the chat checks. Owns: MatrixTrouble. Effects: a line that can fall silent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tests.far_sides.cuttable import Cuttable

if TYPE_CHECKING:
    from tests.contract.chat_matrix_rig import MatrixRig

UNKNOWN = "org.example.of_the_future"


class MatrixTrouble:
    """Bad days of a rig. From the first one on the bridge speaks over a line of its own."""

    def __init__(self, rig: MatrixRig) -> None:
        self._rig = rig
        self._line: Cuttable | None = None

    async def end(self) -> None:
        """Take the line away."""
        if self._line is not None:
            await self._line.cut()

    async def _by_line(self) -> Cuttable:
        if self._line is None:
            await self._rig.settled()
            self._rig.note_stored()
            self._line = Cuttable(self._rig.synapse.url)
            await self._line.mend()
            self._rig.given |= {"homeserver": self._line.url, "poll": 1.0, "silence": 2.0}
            await self._rig.reconnect()
        return self._line

    async def away(self) -> None:
        await self._rig.settled()
        self._rig.note_stored()
        await self._rig.close()

    async def back(self) -> None:
        await self._rig.open()

    async def limit_posts(self) -> float:
        await self._by_line()
        admin = await self._rig.synapse.register("admin", admin=True)
        path = f"/_synapse/admin/v1/users/{self._rig.bot_mention}/override_ratelimit"
        slow = {"messages_per_second": 1, "burst_count": 1}
        await self._rig.synapse.ask("POST", path, token=admin.token, body=slow)
        return 1.0

    async def limit_edits(self) -> None:
        await self.limit_posts()

    def refusals(self) -> int:
        return self._line.refusals if self._line is not None else 0

    async def fall_silent(self) -> None:
        (await self._by_line()).fall_silent()

    async def send_unknown(self) -> str:
        await self._rig.says({"body": "x", "msgtype": "m.text"}, kind=UNKNOWN)
        return UNKNOWN

    def secrets(self) -> Sequence[str]:
        return [self._rig.token, str(self._rig.given["password"])]
