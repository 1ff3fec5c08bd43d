"""Turns, asks and stops as people meet them in a thread. Owns: what one running bridge does with one loop."""

from __future__ import annotations

import re

from tests.scenarios.house import house, until


async def test_a_follow_up_goes_on_in_the_same_session_without_a_repository() -> None:
    async with house() as home, home.bridge(), home.person() as maya:
        talk = await maya.opens("/loop remember: bananas")
        await talk.answered("I will remember bananas.")
        before = home.agents()
        assert len(before) == 1
        said = await talk.says("now recall")
        await talk.answered("You said bananas.", after=said)
        assert home.agents() == before, "a second process was started"
        assert "branch" not in talk.transcript
        await talk.sees("✓ Remember: bananas", after=said)
        assert not home.branches()


async def test_what_is_said_meanwhile_reaches_the_agent_before_its_answer() -> None:
    async with house() as home, home.bridge(), home.person() as maya, home.person("ravi") as ravi:
        talk = await maya.opens("/loop --repo demo run: touch made")
        ask = await talk.asked("touch made")
        await ravi.joins(talk).says("I would call it something else")
        await talk.says("and tell me the time")
        await talk.presses(ask, "Allow once")
        await talk.answered("Done, and I heard: and tell me the time")
        assert talk.count("Done") == 1, talk.transcript
        await talk.stands("1 changed file not committed yet")


async def test_a_no_with_its_reason_reaches_the_agent() -> None:
    async with house() as home, home.bridge(), home.person() as maya:
        talk = await maya.opens("/loop --repo demo run: touch made")
        ask = await talk.asked("touch made")
        await talk.presses(ask, "Deny…", "we pin versions")
        answer = await talk.answered("Maya denied it because: we pin versions")
        assert "not committed" not in talk.text(answer)
        assert not (home.folder() / "workdir" / "made").exists()
        line = talk.text(await talk.sees("✗ denied by Maya"))
        assert line.endswith("· because we pin versions")
        await talk.presses(ask, "Allow once")
        await talk.sees(lambda text: "was denied by Maya already. Nothing changed." in text)


async def test_what_runs_is_what_was_edited() -> None:
    async with house() as home, home.bridge(), home.person() as maya:
        talk = await maya.opens("/loop --repo demo run: touch one")
        ask = await talk.asked("touch one")
        await talk.presses(ask, "Edit", "touch two three")
        await talk.answered("Done")
        workdir = home.folder() / "workdir"
        assert [(workdir / name).exists() for name in ("one", "two", "three")] == [False, True, True]
        assert "✓ changed and allowed by Maya" in talk.text(await talk.sees("touch two three"))
        await talk.sees("Ran `touch two three`")


async def test_allowed_for_the_loop_is_asked_once_there_and_anew_elsewhere() -> None:
    async with house() as home, home.bridge(), home.person() as maya:
        talk = await maya.opens("/loop run: touch /tmp/made then: touch /tmp/made")
        await talk.presses(await talk.asked("touch"), "Allow for this loop")
        await talk.answered("Done")
        await talk.stands("✓ allowed for this loop by Maya")
        await talk.sees("touch /tmp/made`\n✓ Ran `touch /tmp/made`")
        other = await maya.opens("/loop run: touch /tmp/made")
        await other.presses(await other.asked("touch"), "Deny…")
        await other.answered("denied it")


async def test_a_stop_ends_the_tool_and_the_loop_goes_on_later() -> None:
    async with house() as home, home.bridge(), home.person() as maya:
        talk = await maya.opens("/loop --repo demo run: sh -c 'echo $$ | tee begun; exec sleep 600'")
        await talk.presses(await talk.asked("sleep 600"), "Allow once")
        begun = home.folder() / "workdir" / "begun"
        await until(begun.exists)
        await talk.says("stop")
        card = await talk.sees("stopped by Maya")
        assert "✗ Ran `sh -c 'echo $$ | tee begun; exec sleep 600'`" in talk.text(card)
        await until(lambda: not any(line.startswith("sleep 600") for line in home.commands()), every=0.1)
        said = await talk.says("remember: pears")
        await talk.answered("pears", after=said)


async def test_two_loops_side_by_side_keep_to_themselves() -> None:
    async with house() as home, home.bridge(), home.person() as maya, home.person("ravi") as ravi:
        one = await maya.opens("/loop --repo demo run: touch one")
        two = await maya.opens("/loop --repo demo run: touch two")
        asks = [await one.asked("touch one"), await two.asked("touch two")]
        await two.presses(asks[1], "Allow once")
        await two.answered("Done")
        assert not one.count("Done")
        await one.presses(asks[0], "Allow once")
        await one.answered("Done")
        made = sorted(
            path.name for path in (home.home / "loops").glob("*/workdir/*") if path.name in ("one", "two")
        )
        assert made == ["one", "two"]
        assert not one.count("two")
        assert not two.count("one`")
        assert ravi.client.records, "Ravi reads along"


TWO_READS = """
[[rule]]
when.after = 0
say = "Two at once."
tools = [{ name = "Read", input = { file_path = "/etc/hostname" } }, { name = "Read", input = { file_path = "/etc/os-release" } }]
[[rule]]
when.results = '(?s)(.*)'
say = "Done: {1}"
"""


async def test_two_calls_of_one_message_wait_side_by_side() -> None:
    async with house(TWO_READS) as home, home.bridge(), home.person() as maya:
        talk = await maya.opens("/loop look around")
        one, two = await talk.asked("/etc/hostname"), await talk.asked("/etc/os-release")
        await talk.sees(
            lambda text: re.search(r"waiting for Maya or an admin, ask \w{3,}, \w{3,}", text) is not None
        )
        await talk.presses(two, "Deny…", "one is enough")
        await talk.presses(one, "Allow once")
        answer = talk.text(await talk.answered("one is enough"))
        assert answer.count("denied it") == 1, answer


async def test_calls_that_cannot_run_side_by_side_ask_one_after_the_other() -> None:
    async with house() as home, home.bridge(), home.person() as maya:
        talk = await maya.opens("/loop --repo demo both: touch one and: touch two")
        await talk.presses(await talk.asked("touch one"), "Deny…", "one is enough")
        await talk.presses(await talk.asked("touch two"), "Allow once")
        await talk.answered("one is enough")
        workdir = home.folder() / "workdir"
        assert not (workdir / "one").exists()
        assert (workdir / "two").exists()


async def test_what_the_rules_refuse_never_reaches_a_person() -> None:
    async with house() as home:
        rules = home.home / "policy.toml"
        deny = '[[rule]]\nname = "no touching"\ntool = "Bash"\ncommand = "touch *"\naction = "deny"\n\n'
        rules.write_text(deny + rules.read_text())
        async with home.bridge(), home.person() as maya:
            talk = await maya.opens("/loop --repo demo run: touch one")
            await talk.answered("The bridge's rules refuse this (no touching)")
            assert not talk.count("Allow once")
            await talk.sees("✗ Did not run `touch one` (against the rules)")


async def test_a_host_that_is_not_on_the_list_is_named_on_the_card() -> None:
    async with house() as home, home.bridge(), home.person() as maya:
        talk = await maya.opens("/loop run: curl -sS -m 20 https://example.org")
        await talk.presses(await talk.asked("curl"), "Allow once")
        await talk.answered("Done")
        await talk.sees("Not reached: example.org (")
