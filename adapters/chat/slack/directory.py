"""Who is who in a workspace. Owns: Directory. Imports: asyncio, core, client. Effects: asks Slack for names.

A name is looked up once an hour at most and never keeps an event waiting for long: without an answer people go by their ids.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping

from adapters.chat.slack.client import Api, user_name
from core.errors import PortError
from core.ports import Clock

KEPT = 20_000  # names
FRESH = 3600.0  # seconds a name is good for
UNKNOWN = 60.0  # seconds before a lookup that failed is tried again
AT_ONCE = 8
MOST = 200  # lookups for one thread


class Directory:
    """The names of one workspace's people."""

    def __init__(self, api: Api, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._known: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self._asking = asyncio.Semaphore(AT_ONCE)

    async def names(self, users: Iterable[str], *, within: float) -> Mapping[str, str]:
        """Return the names of these users that are known or can be learned `within` so many seconds."""
        wanted = set(users)
        now = self._clock.monotonic()
        missing = [user for user in wanted if self._known.get(user, ("", now))[1] <= now][:MOST]
        if missing:
            lookups = [asyncio.ensure_future(self._learn(user)) for user in missing]
            try:
                await asyncio.wait(lookups, timeout=within)
            finally:
                for lookup in lookups:
                    lookup.cancel()
                await asyncio.gather(*lookups, return_exceptions=True)
        return {user: self._known[user][0] for user in wanted if user in self._known and self._known[user][0]}

    async def _learn(self, user: str) -> None:
        before = self._known.get(user, ("", 0.0))[0]
        self._keep(user, before, UNKNOWN)
        try:
            async with self._asking:
                answer = await self._api.call("users.info", user=user)
        except PortError:
            return
        self._keep(user, user_name(answer) or before, FRESH)

    def _keep(self, user: str, name: str, good_for: float) -> None:
        self._known[user] = name, self._clock.monotonic() + good_for
        self._known.move_to_end(user)
        while len(self._known) > KEPT:
            self._known.popitem(last=False)
