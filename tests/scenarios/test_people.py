"""Who may what, and how the bridge changes hands. Owns: strangers, guests, the claim code, handing over."""

from __future__ import annotations

import sqlite3

from tests.scenarios.house import House, house


async def test_strangers_and_guests_hear_who_can_let_them_in_and_move_nothing() -> None:
    async with (
        house() as home,
        home.bridge(),
        home.person() as maya,
        home.person("ravi") as ravi,
        home.person("gus") as gus,
    ):
        talk = await maya.opens("/loop remember: bananas")
        await talk.answered("bananas")
        other, third = ravi.joins(talk), gus.joins(talk)
        said = await other.says("/loop run: touch x")
        heard = await other.sees("You are not a member of this bridge. Maya can let you in:", after=said)
        assert heard.to == "ravi"
        said = await other.says("please recall")
        await talk.says("/loop people add @gus guest")
        await talk.sees("gus is a guest of this bridge now.")
        said = await third.says("/loop stop")
        await third.sees("A guest can't do this: Maya can.", after=said)
        said = await third.says("/loop status")
        await third.sees("· driver Maya", after=said)
        said = await talk.says("recall")
        await talk.answered("You said bananas.", after=said)
        assert talk.count("I am here") == 0


async def test_handing_over_releasing_and_claiming() -> None:
    async with house() as home, home.bridge(), home.person() as maya, home.person("ravi") as ravi:
        talk = await maya.opens("/loop run: touch /tmp/x")
        other = ravi.joins(talk)
        ask = await talk.asked("touch")
        await talk.says("/loop people add @ravi member")
        await talk.sees("is a member of this bridge now.")
        await other.presses(await other.asked("touch"), "Allow once")
        await other.sees("You can't decide ask")
        said = await talk.says("/loop release")
        await talk.sees("The loop is at work. `/loop stop` first, then release it.", after=said)
        await talk.says("/loop handoff @ravi")
        await talk.sees("drives this loop now.")
        await other.presses(ask, "Allow once")
        await other.answered("Done")
        await other.sees("✓ allowed once by Ravi")
        said = await other.says("/loop release")
        await talk.sees("let go of this loop. Anyone may `/loop claim` it.", after=said)
        said = await talk.says("/loop claim")
        await talk.sees("Maya drives this loop now.", after=said)
        said = await talk.says("remember: plums")
        await talk.answered("plums", after=said)


async def test_the_first_admin_claims_the_bridge_with_the_code_of_its_console() -> None:
    async with house() as home:
        async with home.bridge():
            pass
        forget_everybody(home)
        async with home.daemon() as daemon, home.person("eve") as eve, home.person("ada") as ada:
            code = (await daemon.printed("/loop claim")).split()[-1]
            wrong = await eve.opens("/loop claim AAAA-AAAA")
            await wrong.sees("That code is not right.")
            talk = await ada.opens(f"/loop claim {code}")
            await talk.sees("You are the admin of this bridge now")
            late = await eve.opens(f"/loop claim {code}")
            await late.sees("claimed already")
            said = await talk.says("/loop remember: figs")
            await talk.answered("figs", after=said)
            await daemon.stop()
            await daemon.start()
            assert not [line for line in daemon.said[-4:] if "/loop claim" in line]


def forget_everybody(home: House) -> None:
    """Make the bridge one that nobody claimed: the console's own user was let in once, and is not let in anew."""
    with sqlite3.connect(home.database) as database:
        database.execute("DELETE FROM member")
        database.execute("DELETE FROM identity")
