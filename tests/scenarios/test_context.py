"""Context as people and their loops live with it: receipts, decisions, what is added, excluded and shared. Owns: one story with the real CLI."""

from __future__ import annotations

from tests.scenarios.house import WORKER, House, house, until

SEARCHING = """
[[rule]]
when.after = 0
when.task = '(?m)\\bsearch: (.+)$'
say = "I look for it."
tools = [{ name = "mcp__loop__context_search", input = { query = "{1}" } }]

"""


async def test_what_a_loop_is_given_and_how_people_change_it() -> None:
    async with (
        house(SEARCHING + WORKER) as home,
        home.bridge(),
        home.person() as maya,
        home.person("ravi") as ravi,
    ):
        # What the thread had before, what the team keeps, what was decided: a later loop is given it.
        talk = await maya.opens("/loop --repo demo remember: bananas")
        await talk.answered("I will remember bananas.")
        await talk.says("/loop done")
        await talk.sees("done")
        await talk.says("/loop remember the staging freezer is blue")
        await talk.sees("Remembered as")
        alone = await maya.opens("/loop remember me my own freezer is green")
        own = alone.text(await alone.sees("own memory")).split(" as ")[1].partition(".")[0]
        said = await ravi.joins(talk).says("nobody should touch the freezer file")
        await talk.says(f"/loop decide local:home/general/{talk.root}#{said}")
        decision = talk.text(await talk.sees("Decision d"))
        assert "by Ravi" in decision
        handle = decision.split()[1]
        begun = await talk.says("/loop --repo demo run: touch freezer")
        ask = await talk.asked("touch freezer", after=begun)
        assert "Decided here:" in talk.text(ask)
        assert "nobody should touch the freezer file" in talk.text(ask)
        capsule = newest_capsule(home)
        for words in (
            "<earlier-loop ",
            "<outcome>I will remember bananas.",
            "staging freezer is blue",
            f'<decision id="{handle}" by="Ravi"',
        ):
            assert words in capsule, capsule
        assert "green" not in capsule
        card = talk.text(await talk.sees("1 earlier loop"))
        assert "1 decision" in card
        assert "that only Maya can see" in card
        await talk.presses(ask, "Deny…", "it was decided")
        await talk.answered("it was decided", after=begun)

        # A line is taken out: it leaves the file, and the agent is told not to rely on it.
        asked = await talk.says("/loop context")
        receipt = talk.text(await talk.sees("was given", after=asked))
        line = next(line for line in receipt.splitlines() if "loop #" in line and "bananas" in line)
        await talk.presses(
            await talk.sees("was given", after=asked), "Exclude", line.partition(".")[0].strip()
        )
        await talk.sees("Excluded from the loop's context by Maya")
        await until(lambda: "<earlier-loop " not in newest_capsule(home))
        await talk.sees("1 thing that somebody excluded")

        # What one member alone can see is shared by their word alone, shown only then, and whole.
        added = await talk.says(f"/loop context add {own}")
        question = await talk.sees("may this be shared here?", after=added)
        assert "green" not in talk.text(question)
        await ravi.joins(talk).presses(question, "Allow")
        await talk.presses(question, "Allow")
        await talk.sees("my own freezer is green", after=added - 1)
        await until(lambda: "my own freezer is green" in newest_capsule(home))
        follow = await talk.says("now recall")
        await talk.answered(after=follow)

        # The way back, and the agent's own search.
        walked = await talk.says(f"/loop why {handle}")
        why = talk.text(await talk.sees("nobody should touch", after=walked))
        assert f"local:home/general/{talk.root}#{said}" in why
        other = await maya.opens("/loop search: freezer blue")
        answer = other.text(await other.answered("staging freezer is blue"))
        assert "untrusted" in answer
        looked = await other.says("/loop context")
        given = other.text(await other.sees("was given", after=looked))
        assert f"decision {handle}" in given
        assert "/loop --repo demo run: touch freezer" in given, "what the agent was shown counts as given"


def newest_capsule(home: House) -> str:
    """Return the capsule of the loop whose folder was made last."""
    folders = sorted((home.home / "loops").iterdir(), key=lambda folder: folder.stat().st_ctime_ns)
    return max(
        (
            folder / "capsule" / "thread.xml"
            for folder in folders
            if (folder / "capsule" / "thread.xml").exists()
        ),
        key=lambda file: file.parent.parent.stat().st_ctime_ns,
    ).read_text()
