"""Commits that land by a person's consent. Owns: before, waiting, pending, ask, decided, landed, over. Imports: core. Effects: none: they are named.

Consent is for one tip: what is committed on top of it later asks anew, for all that has not landed.
"""

from __future__ import annotations

from dataclasses import replace

from core import asks, graph, landing, wording
from core.asks import Ask
from core.effects import LandWork, Priority
from core.events import WorkLanded, WorkTaken
from core.ids import AskId, CallId, derived
from core.step.draft import Draft
from core.step.voice import ask_card

RULE = "protected paths, links and submodules"
MOST_NEWS = 20
NEWER = "newer commits took their place: the ask below is for all of them"
OVER = "the loop is over: `/loop <task>` begins one that can make them anew"
RESTS = "it was archived: a word here wakes the loop, and its next turn asks again"


def before(draft: Draft, event: WorkTaken) -> Ask | None:
    """Return the ask that stands for exactly these commits; an open one for others is withdrawn.

    One that expired, was withdrawn or could not be carried out stands for nothing: it is asked again.
    """
    mine = [ask for ask in draft.asks.values() if ask.about == "work" and ask.loop == event.loop]
    for ask in mine:
        if ask.open and event.tip and ask.digest != event.tip:
            withdraw(draft, ask, NEWER)
    standing = [
        ask for ask in mine
        if ask.digest == event.tip and ask.state in ("open", "allowed", "denied") and ask.landed != "stuck"
    ]  # fmt: skip
    return max(standing, key=lambda ask: ask.asked_at, default=None)


def waiting(draft: Draft) -> Ask | None:
    """Return the newest ask about commits that have not landed, unless nobody's word stands on them."""
    mine = [ask for ask in draft.asks.values() if ask.about == "work" and ask.loop == draft.has().id]
    newest = max(mine, key=lambda ask: ask.asked_at, default=None)
    stands = newest is not None and newest.state in ("open", "allowed", "denied") and not newest.landed
    return newest if stands else None


def pending(draft: Draft) -> Ask | None:
    """Return the ask about commits that somebody can still answer, or whose answer is being carried out.

    While there is one the loop is not put away for another by the clock: nobody would have taken the question back.
    """
    found = waiting(draft)
    return found if found is not None and found.state in ("open", "allowed") else None


def ask(draft: Draft, event: WorkTaken) -> None:
    """Ask whether judged commits may land."""
    identifier = AskId(derived("landing", event.loop, event.tip, event.turn, str(event.leg)))
    made = Ask(
        id=identifier, handle=asks.free_handle(list(draft.asks.values()), identifier), loop=event.loop, turn=event.turn, leg=event.leg,
        thread=draft.has().thread, call=CallId(""), tool="", input=landing.written(event), digest=event.tip, rule=RULE, why="",
        nonce=derived("nonce", draft.house.secret, identifier), asked_at=draft.at, remind_at=draft.at + draft.house.ask_reminds,
        expires_at=draft.at + draft.house.ask_expires, about="work",
    )  # fmt: skip
    draft.put_ask(made)
    node = draft.node(
        graph.ask(made.id), "ask", landing.gist(made)[:4000], handle=made.handle, digest=made.digest
    )
    draft.edge(graph.turn(event.turn), "asked", node)
    message = landing.put(
        made,
        notify=draft.callable_deciders(),
        driver=draft.has().driver_name,
        expires_in=wording.duration((made.expires_at - draft.at).total_seconds()),
    )
    # The answer goes first: it says what the commits are for.
    draft.say(message, what=ask_card(made), priority=Priority.ANSWER, card=ask_card(made))


def decided(draft: Draft, ask: Ask) -> None:
    """Let what was allowed land; let the agent know of what was not."""
    if ask.state != "allowed":
        _news(draft, ask)
        return
    work = landing.read(ask)
    draft.effects.append(
        LandWork(
            key=f"land:{ask.id}", lane=draft.desk.thread, loop=ask.loop, ask=ask.id, repo=work.repo, branch=work.branch, tip=work.tip
        )
    )  # fmt: skip


def landed(draft: Draft, event: WorkLanded) -> None:
    """What was allowed landed, or could not: tell it on its card, and note what it produced."""
    ask = draft.asks.get(event.ask)
    if draft.loop is None or ask is None or ask.state != "allowed" or ask.landed:
        return
    done = replace(ask, landed="landed" if event.where else "stuck")
    draft.put_ask(done)
    draft.show_settled(done)
    if not event.where:
        draft.say(landing.stuck(ask, event.what, event.remedy), what=f"stuck:{ask.id}")
        return
    work = landing.read(ask)
    repo = draft.node(graph.repo(work.repo), "repo", work.repo)
    for sha, subject, paths in work.commits:
        key = draft.node(graph.commit(work.repo, sha), "commit", subject, branch=work.branch, sha=sha)
        draft.edge(graph.turn(ask.turn), "produced", key)
        draft.edge(graph.decision(ask.id), "allowed", key)
        draft.edge(key, "tagged", repo)
        for path in paths:
            draft.edge(key, "touches", draft.node(graph.path(work.repo, path), "file", path))
    # Newer commits may have landed meanwhile, on top of these: the base never goes back.
    if draft.has().base in (work.base, *work.shas):
        draft.now(base=work.tip)
    _news(draft, done)


def _news(draft: Draft, ask: Ask) -> None:
    loop = draft.has()
    draft.now(news=(*loop.news, landing.told_agent(ask))[-MOST_NEWS:])


def withdraw(draft: Draft, ask: Ask, why: str) -> None:
    """End an ask that nobody needs to answer any more."""
    gone = replace(ask, state="withdrawn", reason=why)
    draft.put_ask(gone)
    draft.show_settled(gone)


def over(draft: Draft, *, rests: bool = False) -> None:
    """End what still waits when the loop ends, or `rests` until somebody wakes it."""
    for ask in draft.open_asks():
        if ask.about == "work":
            withdraw(draft, ask, RESTS if rests else OVER)
