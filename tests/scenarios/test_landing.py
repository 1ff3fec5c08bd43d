"""Commits that somebody has to allow, as people meet them. Owns: one loop whose work lands, is left, and lands after all."""

from __future__ import annotations

from tests.scenarios.house import House, Talk, house

COMMIT = "run: sh -c '{what}; git add -A; git commit -qm {subject}'"


async def commits(talk: Talk, what: str, subject: str, *, first: bool = False) -> int:
    """Have the agent commit something; return the message that told it to."""
    said = 0 if first else await talk.says(COMMIT.format(what=what, subject=subject))
    await talk.presses(await talk.asked(subject, after=said), "Allow once")
    await talk.answered("Done", after=said)
    return said


def there(home: House, branch: str) -> set[str]:
    return set(home.git("ls-tree", "-r", "--name-only", branch).split())


async def test_delicate_commits_land_by_a_word_and_stay_without_one() -> None:
    async with house() as home, home.bridge(), home.person() as maya, home.person("ravi") as ravi:
        settings = "mkdir -p .claude; echo steer | tee .claude/rules.md"
        talk = await maya.opens(f"/loop --repo demo {COMMIT.format(what=settings, subject='Steer')}")
        await commits(talk, settings, "Steer", first=True)
        card = await talk.sees("[1] Land")
        assert "`.claude/rules.md`: it steers the agents" in talk.text(card)
        assert "+steer" in talk.text(card)
        assert home.branches() == []
        await ravi.joins(talk).presses(card, "Land")
        await talk.presses(card, "Land")
        await talk.sees("✓ landed, allowed by Maya")
        (branch,) = home.branches()
        assert ".claude/rules.md" in there(home, branch)

        said = await commits(talk, "ln -s README.md link.md", "Link")
        card = await talk.sees("[2] Leave it…", after=said)
        assert "`link.md`: a link to README.md" in talk.text(card)
        await talk.presses(card, "Leave it…", "no links here")
        await talk.sees("✗ left by Maya")
        assert "link.md" not in there(home, branch)

        said = await commits(talk, "echo plain | tee plain.txt", "Plain")
        card = await talk.sees("[1] Land", after=said)
        assert "2 commits up to" in talk.text(card)
        assert "plain.txt" not in there(home, branch), "what nobody allowed landed under something else"
        said = await talk.says("/loop approve")
        await talk.sees("✓ landed, allowed by Maya")
        await talk.sees(lambda text: text.count("landed, allowed by Maya") == 1 and "2 commits" in text)
        assert {"link.md", "plain.txt"} <= there(home, branch)

        await talk.says(f"/loop why {home.git('rev-parse', branch).strip()}")
        why = talk.text(await talk.sees("Why", after=said))
        assert "allowed by Maya: landing of 2 commits" in why
