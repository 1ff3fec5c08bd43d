"""Slack's home tab over the bridge's own rules and store: who sees what of loops in channels they are not in. Effects: a far side on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from adapters.chat.slack import names
from adapters.store.store import SqlStore
from bridge.overview import Overview
from core import board
from core.desk import Outcome
from core.ids import IdentityKey, MemberId, ThreadKey
from core.message import Message
from core.people import Identity, Member, Role
from core.step import step
from core.testing import store_rig
from core.testing.fakes import FakeClock
from tests.contract.chat_slack_rig import SlackRig, until
from tests.unit.story import Story

PEOPLE: tuple[tuple[str, Role], ...] = (("maya", "member"), ("ravi", "member"), ("ada", "admin"))


class Office:
    """A workspace whose events go through the bridge's rules into a store, and whose home tabs are made from that."""

    def __init__(self, rig: SlackRig, store: SqlStore) -> None:
        self.rig, self.store = rig, store
        self._number = 1

    async def takes(self) -> None:
        """Take in what Slack told next."""
        event = await self.rig.next_event()
        self._number += 1
        await store_rig.settled(
            self.store, self._number, step(await self.store.desk(event.lane), event, Story().house)
        )

    async def home(self, who: str) -> str:
        """Have somebody open the home tab; return what it shows."""
        before = len(self.rig.slack.answered("views.publish"))
        await self.rig.slack.opens_home(who)
        await until(lambda: len(self.rig.slack.answered("views.publish")) > before)
        return str(self.rig.slack.home_of(who).body["blocks"])


@asynccontextmanager
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    clock = FakeClock()
    async with SqlStore(f"sqlite:///{tmp_path / 'bridge.db'}", clock=clock) as store:
        overview = Overview(store=store, clock=clock)

        async def home(who: IdentityKey, link: Callable[[ThreadKey], str]) -> Message:
            return await overview.page(who, link)

        async with SlackRig(home=home) as rig:
            rig.slack.user("ada", name="Ada")
            members = tuple(Member(id=MemberId(name), name=name, role=role) for name, role in PEOPLE)
            known = tuple(Identity(key=rig.identity(name), member=MemberId(name)) for name, _ in PEOPLE)
            await store_rig.settled(store, 1, Outcome(members=members, identities=known))
            yield Office(rig, store)


async def test_who_is_not_in_a_private_channel_sees_nothing_of_its_loop(tmp_path: Path) -> None:
    async with office(tmp_path) as made:
        secret = made.rig.slack.channel("secret", private=True)
        secret.members.append(made.rig.slack.user("maya").id)
        posted = await made.rig.slack.user_posts("maya", secret, "@loop cut the salaries --tag payroll")
        await made.takes()
        desk = await made.store.desk(names.thread_of(made.rig.slack.team().id, posted.channel, posted.root))
        assert desk.loop is not None
        assert desk.loop.title == "Cut the salaries"
        ask = store_rig.an_ask(1, desk.loop)
        await store_rig.settled(made.store, 99, Outcome(asks=(ask,)))
        own = await made.home("maya")
        assert "Cut the salaries" in own
        assert "payroll" in own
        assert secret.id in own, "its own people are led there"
        assert f"ask {ask.handle}" in await made.home("ada"), "an admin may decide it"
        for name in ("ravi", "ada"):
            shown = await made.home(name)
            assert not [word for word in ("alaries", "payroll", "secret", secret.id) if word in shown]
            assert board.UNTITLED in shown


async def test_a_loop_in_an_open_channel_is_everybodys_to_see(tmp_path: Path) -> None:
    async with office(tmp_path) as made:
        await made.rig.slack.user_posts("maya", "general", "@loop fix the login test --tag auth")
        await made.takes()
        for name in ("maya", "ravi", "ada"):
            shown = await made.home(name)
            assert "Fix the login test" in shown
            assert "auth" in shown
