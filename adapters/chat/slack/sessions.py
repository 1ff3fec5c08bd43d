"""What a thread's loop is at, as Slack shows it of agents. Owns: Sessions. Imports: core and the modules beside. Effects: calls Slack.

An app that was declared an agent may tell of each thread whether it works, and Slack then shows that with a stop button. It is told when
it changes, in the background: no card waits for it, and none fails with it. An app that is no agent is not asked twice.
"""

from __future__ import annotations

import logging
import re
from collections import OrderedDict
from collections.abc import Mapping

from adapters.chat.slack.client import Api
from adapters.chat.slack.errors import name_of
from adapters.chat.slack.names import Place
from adapters.chat.slack.payload import text
from adapters.chat.slack.tasks import Tasks
from core.errors import RateLimited, Rejected, Unavailable
from core.message import Message, State
from core.ports import Clock

log = logging.getLogger(__name__)
METHOD = "agents.sessions.setStatus"
SCOPE = "assistant:write"  # Slack adds it to an app that is declared an agent
STATUSES: Mapping[State, str] = {
    "working": "processing", "waiting": "suspended", "idle": "active", "failed": "active", "over": "closed",
}  # fmt: skip
# What Slack says where there are no sessions for this app; anything else is about the one thread.
NO_AGENT = frozenset({
    "not_authorized", "unknown_method", "missing_scope", "access_denied", "feature_not_enabled", "no_permission",
    "not_allowed_token_type", "team_access_not_granted", "deprecated_endpoint", "method_deprecated",
})  # fmt: skip
MAX_TITLE = 200
KEPT = 2_000  # threads whose status is remembered
TRIES = 6
FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0
_MARK = re.compile(
    r"^\W+"
)  # a card's title begins with a sign for its state, which a session's name outlives


class Sessions:
    """The agent sessions of one workspace. `scopes` are those of its token."""

    def __init__(self, api: Api, clock: Clock, *, scopes: frozenset[str]) -> None:
        self._api = api
        self._clock = clock
        self._there = SCOPE in scopes
        self._tasks = Tasks()
        self._wanted: OrderedDict[Place, tuple[str, str]] = OrderedDict()  # status and title
        self._told: dict[Place, str] = {}
        self._telling: set[Place] = set()
        self._warned = False

    def show(self, place: Place, message: Message) -> None:
        """Have a thread show what its loop's card says; other messages say nothing of it."""
        if message.state:
            self._want(place, STATUSES[message.state], _MARK.sub("", message.title)[:MAX_TITLE])

    def stopped(self, place: Place) -> None:
        """Note that somebody pressed stop. A loop that works shows its end on its card; where none works, the button has to go."""
        if self._wanted.get(place, ("", ""))[0] != "processing":
            self._told.pop(place, None)
            self._want(place, "active", "")

    async def stop(self) -> None:
        """End what still runs."""
        await self._tasks.stop()

    def _want(self, place: Place, status: str, title: str) -> None:
        if not (self._there and place.thread_ts):
            return
        self._wanted[place] = status, title
        self._wanted.move_to_end(place)
        while len(self._wanted) > KEPT:
            self._told.pop(self._wanted.popitem(last=False)[0], None)
        if self._told.get(place) != status and place not in self._telling:
            self._telling.add(place)
            self._tasks.spawn("session", self._tell(place))

    async def _tell(self, place: Place) -> None:
        wait, tries = FIRST_WAIT, 0
        try:
            while self._there and place in self._wanted and tries < TRIES:
                status, title = self._wanted[place]
                if self._told.get(place) == status:
                    return
                try:
                    await self._set(place, status, title)
                except Unavailable as exc:
                    tries += 1
                    await self._clock.sleep(
                        max(wait, exc.retry_after if isinstance(exc, RateLimited) else 0.0)
                    )
                    wait = min(wait * 2, LONGEST_WAIT)
        finally:
            self._telling.discard(place)

    async def _set(self, place: Place, status: str, title: str) -> None:
        """Tell Slack; what it refuses for good counts as told. Raises Unavailable."""
        self._told[place] = status
        try:
            answer = await self._api.call(
                METHOD,
                channel_id=place.channel,
                thread_ts=place.thread_ts,
                status=status,
                title=title or None,
            )
        except Unavailable:
            self._told.pop(place, None)
            raise
        except Rejected as exc:
            if name_of(exc) in NO_AGENT:
                self._there = False
            log.info("chat.slack.no_session", extra={"team": place.team, "why": str(exc)})
            return
        if not self._warned and "agent_session_stopped" in text(answer, "warning"):
            self._warned = True
            log.warning(
                "chat.slack.no_stop_button",
                extra={
                    "team": place.team,
                    "remedy": "Subscribe the app to agent_session_stopped; see docs/slack.md.",
                },
            )
