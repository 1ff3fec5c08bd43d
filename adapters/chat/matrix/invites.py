"""Who may bring the bot into a room. Owns: Invites. Imports: core. Effects: joins rooms, declines invitations."""

from __future__ import annotations

import fnmatch
import logging
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from adapters.chat.matrix import names, wire
from adapters.chat.matrix.client import API, Client
from adapters.chat.matrix.faults import Refusal

log = logging.getLogger(__name__)


class Invites:
    """Joins where somebody it trusts invites it, by user id or by server; patterns may hold `*`.

    With neither named, those on the bot's own server are trusted.
    """

    def __init__(self, client: Client, *, servers: Sequence[str], users: Sequence[str]) -> None:
        self._client = client
        self._servers = servers
        self._users = users

    def welcome(self, user: str) -> bool:
        """Whether this user may invite the bot."""
        servers = self._servers
        if not servers and not self._users:
            servers = (names.server_of(self._client.user),)
        return bool(user) and (
            any(fnmatch.fnmatchcase(user, pattern) for pattern in self._users)
            or any(fnmatch.fnmatchcase(names.server_of(user), pattern) for pattern in servers)
        )

    async def answer(self, room: str, state: Sequence[Any]) -> None:
        """Answer one invitation. One that can no longer be answered is let be."""
        who = wire.inviter([each for each in state if isinstance(each, dict)], self._client.user)
        path = f"{API}/rooms/{quote(room, safe='')}"
        try:
            if self.welcome(who):
                await self._client.ask("POST", f"{path}/join", body={})
                log.info("chat.matrix.joined", extra={"room": room, "by": who})
                return
            why = "Thank you for the invitation. I may only join rooms on the invitation of people my administrator named."
            await self._client.ask("POST", f"{path}/leave", body={"reason": why})
            log.info("chat.matrix.declined", extra={"room": room, "by": who})
        except Refusal as refusal:
            log.warning("chat.matrix.invitation", extra={"room": room, "by": who, "why": str(refusal)})
