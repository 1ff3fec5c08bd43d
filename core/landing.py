"""Commits that land only if a person allows it. Owns: Landing, and the card that asks. Imports: core. Effects: none."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from core import asks, wording
from core.asks import Ask
from core.events import CommitTaken, WorkTaken
from core.ids import IdentityKey
from core.message import Attachment, Block, Button, Buttons, Code, Message, Text

TOO_LARGE = 200_000  # characters of diff; beyond, nobody is asked
SHOWN_WHOLE = 2_500
FILES = 200  # of one commit, that the record keeps
NAMED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Landing:
    """What an ask about work holds: commits (oldest first; sha, subject, paths), the paths to allow, their whole diff."""

    repo: str
    branch: str
    base: str
    tip: str
    commits: tuple[tuple[str, str, tuple[str, ...]], ...]
    paths: tuple[tuple[str, str], ...]  # with why each matters
    diff: str

    @property
    def shas(self) -> tuple[str, ...]:
        return tuple(sha for sha, _, _ in self.commits)


def may_be_asked(event: WorkTaken) -> bool:
    """Whether a person can allow what was objected to, and could see the whole of it."""
    return bool(event.delicate and event.shown and len(wording.visible(event.shown)) <= TOO_LARGE)


def written(event: WorkTaken) -> str:
    """Return the JSON that an ask holds of judged commits."""
    return json.dumps(
        {
            "repo": event.repo,
            "branch": event.branch,
            "base": event.base,
            "tip": event.tip,
            "commits": [_commit(commit) for commit in event.commits],
            "paths": [[one.path, one.why] for one in event.delicate],
            "diff": event.shown,
        },
        ensure_ascii=False,
    )


def _commit(commit: CommitTaken) -> tuple[str, str, list[str]]:
    return commit.sha, commit.subject, [path for path, _, _ in commit.files[:FILES]]


def read(ask: Ask) -> Landing:
    """Return what an ask about work holds."""
    given = json.loads(ask.input)
    return Landing(
        repo=given["repo"], branch=given["branch"], base=given["base"], tip=given["tip"], diff=given["diff"],
        commits=tuple((sha, subject, tuple(paths)) for sha, subject, paths in given["commits"]),
        paths=tuple((path, why) for path, why in given["paths"]),
    )  # fmt: skip


def gist(ask: Ask) -> str:
    """Return what an ask about work asks for, for the record."""
    work = read(ask)
    paths = wording.listing([path for path, _ in work.paths])
    return f"landing of {_commits(work)} on branch {work.branch}, with {paths}"


def brief(ask: Ask) -> str:
    """Return which commits an ask is about, in a few words."""
    work = read(ask)
    return f"{_commits(work)} on branch {wording.code(work.branch, 80)}"


def _commits(work: Landing) -> str:
    return f"{wording.count(len(work.commits), 'commit')} up to {wording.code(work.tip[:7])}"


def put(ask: Ask, *, notify: Sequence[IdentityKey], driver: str, expires_in: str) -> Message:
    """Return the card of an open ask about work: what wants to land, why somebody has to look, and all of it."""
    work = read(ask)
    told = [f"{wording.code(path, 100)}: {wording.clean(why)}" for path, why in work.paths]
    listed = [f"{wording.code(sha[:7])} {wording.line(subject, 80)}" for sha, subject, _ in work.commits]
    more = [f"… {len(listed) - NAMED} earlier ones"] if len(listed) > NAMED else []
    blocks: list[Block] = [
        Text(text=f"ask {ask.handle} · rule: {ask.rule} · expires in {expires_in}"),
        Text(text="\n".join(told)),
        Text(text="\n".join([f"{_commits(work)} on branch {wording.code(work.branch, 80)}:", *more, *listed[-NAMED:]])),
        *_whole(ask, wording.visible(work.diff)),
        Buttons(ask=ask.handle, buttons=(
            Button(label="Land", token=asks.token(ask, "once"), style="primary"),
            Button(label="Leave it…", token=asks.token(ask, "deny"), style="danger", wants_text="Why not? (the agent is told)"),
        )),
    ]  # fmt: skip
    title = "may these commits land?"
    return Message(
        title=title if notify else f"{wording.line(driver, 40)}, {title}",
        blocks=tuple(blocks),
        notify=tuple(notify),
    )


def _whole(ask: Ask, diff: str) -> list[Block]:
    if len(diff) <= SHOWN_WHOLE:
        return [Code(text=diff)]
    told = f"… {len(diff):,} characters in all, whole in the file: everything that these commits do there"
    return [
        Code(text=diff[:SHOWN_WHOLE]),
        Text(text=told),
        Attachment(name=f"ask-{ask.handle}.diff", content=diff),
    ]


def settled(ask: Ask, by: str) -> str:
    """Return the one line that the card of an ask about work ends as, without its reason; `by` is who and when."""
    allowed = {
        "": f"✓ allowed by {by} · landing {brief(ask)}",
        "landed": f"✓ landed, allowed by {by} · {brief(ask)}",
        "stuck": f"✗ not landed, though allowed by {by} · {brief(ask)}",
    }[ask.landed]
    return {
        "allowed": allowed,
        "denied": f"✗ left by {by} · {brief(ask)}: they stay in the loop's clone",
        "expired": f"✗ expired: nobody decided in time; that is not a no · {brief(ask)}: kept in the loop's clone, the next turn asks again",
        "withdrawn": f"– withdrawn · {brief(ask)}: kept in the loop's clone",
    }.get(ask.state, ask.state)


def still(ask: Ask) -> str:
    """Return what an answer says of commits that were asked about before."""
    if ask.open:
        return f"{brief(ask)} wait for a word: ask {ask.handle}."
    if ask.state == "allowed":
        return f"{brief(ask)} are on their way: ask {ask.handle}."
    return f"{brief(ask)} stay in the loop's clone: {wording.line(ask.decider, 40)} left them (ask {ask.handle})."


def stuck(ask: Ask, what: str, remedy: str) -> Message:
    """Return why commits that were allowed did not land, what is kept and what to do."""
    words = f"{what} The commits up to {wording.code(ask.digest[:7])} are kept in the loop's clone. {remedy}"
    return Message(title="Allowed, but not landed.", blocks=(Text(text=words),))


def told_agent(ask: Ask) -> str:
    """Return what the agent hears before its next turn of commits that were decided on."""
    work = read(ask)
    paths = wording.listing([path for path, _ in work.paths])
    which = f"Your commits up to {work.tip[:7]}, which change {paths},"
    if ask.state == "allowed":
        return f"{which} landed: {wording.line(ask.decider, 40)} allowed it."
    because = f" because: {ask.reason}" if ask.reason else ""
    return f"{which} have not landed: {wording.line(ask.decider, 40)} left them{because}. They are only in your clone."
