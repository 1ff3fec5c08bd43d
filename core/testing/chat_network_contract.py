"""What any chat adapter must hold on bad days, and of what others left in a thread. Owns: CHECKS. Imports: core. Effects: the rig's.

Limits, silent lines, absences, the unknown, strangers' cards, alerts and long pasts. An event that comes twice under one key counts
once, as the bridge's store has it.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar
from urllib.parse import quote

from core import events, message
from core.errors import PortError, RateLimited
from core.ids import ThreadKey
from core.testing.chat_cards_contract import GRANT
from core.testing.chat_rig import Rig, Trouble, opened, taken, texts
from core.testing.logbook import Logbook

Check = Callable[[Rig], Awaitable[None]]
T = TypeVar("T")
PATIENCE = 4  # times that `next_event` may find nothing


# ── limits ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def check_a_limit_is_waited_out(rig: Rig) -> None:
    if not rig.adapter.caps.remote:
        return
    sent, trouble = await opened(rig), _trouble(rig)
    pause = await trouble.limit_posts()
    for number in range(5):
        await _post(rig, sent.thread, f"answer {number}", longest=pause)
    assert trouble.refusals()
    assert await texts(rig, sent.thread) == [
        "the login test fails again", *(f"answer {number}" for number in range(5))
    ]  # fmt: skip


async def check_an_ask_overtakes_edits(rig: Rig) -> None:
    if not rig.adapter.caps.remote or not rig.adapter.caps.edit:
        return
    sent, trouble = await opened(rig), _trouble(rig)
    card = await rig.adapter.post(sent.thread, message.text("working"), key="card")
    await trouble.limit_edits()

    async def edit(number: int) -> bool:
        try:
            await rig.adapter.edit(sent.thread, card, message.text(f"step {number}"))
        except RateLimited:
            return False  # the bridge's own affair, which lets the ask pass first
        return True

    edits = [asyncio.create_task(edit(number)) for number in range(6)]
    while not trouble.refusals():  # noqa: ASYNC110 - the far side has no event for it
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)
    waiting = [each for each in edits if not each.done()]
    await _patiently(lambda: rig.adapter.post(sent.thread, GRANT, key="ask"))
    landed = [each.done() and each.result() for each in waiting]
    assert not waiting or not all(landed), "the ask waited for every edit"
    await asyncio.gather(*edits)
    await _patiently(lambda: rig.adapter.edit(sent.thread, card, message.text("done")))
    assert (await texts(rig, sent.thread))[1] == "done"


async def _post(rig: Rig, thread: ThreadKey, words: str, *, longest: float) -> None:
    await _patiently(lambda: rig.adapter.post(thread, message.text(words), key=words), longest)


async def _patiently(do: Callable[[], Awaitable[T]], longest: float = 60.0) -> T:
    """Do something as the bridge's delivery does: again after the pause that was asked for, which has to be a true one."""
    while True:
        try:
            return await do()
        except RateLimited as exc:
            if not 0 < exc.retry_after <= longest:
                raise AssertionError(f"a pause of {exc.retry_after} s was asked for") from exc
            await asyncio.sleep(exc.retry_after)


# ── silence and absence ──────────────────────────────────────────────────────────────────────────────────────────────


async def check_a_silent_line_is_replaced(rig: Rig) -> None:
    if not rig.adapter.caps.remote:
        return
    sent = await opened(rig)
    await _trouble(rig).fall_silent()
    for number in range(3):
        await rig.user_posts(f"into the silence {number}", thread=sent.thread)
    heard = await _heard(rig, 3)
    assert [each.text for each in heard] == [f"into the silence {number}" for number in range(3)]
    assert [each.text for each in await _until_quiet(rig, sent.thread, heard)] == ["the last word"]


async def check_what_was_missed_comes_once(rig: Rig) -> None:
    if not rig.adapter.caps.remote:
        return
    sent, trouble = await opened(rig, "an old thread"), _trouble(rig)
    await rig.user_posts("heard before", thread=sent.thread)
    before = [await taken(rig, events.Posted)]
    await trouble.away()
    for number in range(4):
        await rig.user_posts(f"missed {number}", thread=sent.thread, who="ravi" if number % 2 else "maya")
    fresh = await rig.user_posts("a new thread")
    with Logbook() as logbook:
        await trouble.back()
        heard = await _heard(rig, 5)
        rest = await _until_quiet(rig, sent.thread, [*before, *heard])
    assert [each.text for each in heard if each.lane == sent.thread] == [
        f"missed {number}" for number in range(4)
    ]
    assert [each.text for each in heard if each.lane == fresh.thread] == ["a new thread"]
    assert [each.text for each in rest] == ["the last word"]
    gaps = logbook.named(f"chat.{rig.adapter.platform}.gap")
    assert {gap.levelno for gap in gaps} == {logging.WARNING}
    counts = [vars(gap)["count"] for gap in gaps]
    # What was heard last before may come once more, and is told apart later: it counts as missed.
    assert sum(counts) in (5, 6), counts
    assert all(vars(gap)["channel"] for gap in gaps)


async def _heard(rig: Rig, count: int) -> list[events.Posted]:
    """Return the next messages, each once, however long a line takes to be found dead."""
    found: dict[str, events.Posted] = {}
    for _ in range(PATIENCE):
        try:
            while len(found) < count:
                event = await taken(rig, events.Posted)
                found.setdefault(event.dedup, event)
        except TimeoutError:
            continue
        return list(found.values())
    raise AssertionError(
        f"{len(found)} of {count} messages arrived: {[each.text for each in found.values()]}"
    )


async def _until_quiet(rig: Rig, thread: ThreadKey, known: list[events.Posted]) -> list[events.Posted]:
    """Have a last word said and return what comes up to it and was not known."""
    last = await rig.user_posts("the last word", thread=thread)
    found = {event.dedup: event for event in known}
    while not any(event.message == last.message for event in found.values()):
        event = await taken(rig, events.Posted)
        found.setdefault(event.dedup, event)
    return list(found.values())[len(known) :]


# ── the unknown, secrets ─────────────────────────────────────────────────────────────────────────────────────────────


async def check_the_unknown_is_skipped_and_logged(rig: Rig) -> None:
    if not rig.adapter.caps.remote:
        return
    sent = await opened(rig)
    with Logbook() as logbook:
        kind = await _trouble(rig).send_unknown()
        await rig.user_posts("still here", thread=sent.thread)
        assert (await taken(rig, events.Posted)).text == "still here"
    skipped = logbook.named(f"chat.{rig.adapter.platform}.skipped")
    assert kind in [vars(record)["kind"] for record in skipped]


async def check_secrets_stay_out_of_the_logs(rig: Rig) -> None:
    if not rig.adapter.caps.remote:
        return
    trouble = _trouble(rig)
    with Logbook() as logbook:
        sent = await opened(rig)
        await rig.adapter.post(sent.thread, GRANT, key="ask")
        try:
            await rig.adapter.edit(sent.thread, sent.message, message.text("forged"))
        except PortError:
            logging.getLogger(__name__).exception("refused")  # as a caller may log it
        await rig.fail_next()
        await rig.user_posts("stored late", thread=sent.thread)
        await taken(rig, events.Posted)
        pause = await trouble.limit_posts()
        for words in ("one", "two", "three"):
            await _post(rig, sent.thread, words, longest=pause)
        await trouble.fall_silent()
        await rig.user_posts("heard late", thread=sent.thread)
        await _heard(rig, 1)
        await rig.reconnect()
        assert [finding for finding in await rig.adapter.probe() if not finding.ok] == []
    assert logbook.records
    written = await asyncio.to_thread(logbook.text)
    assert trouble.secrets()
    for secret in trouble.secrets():
        assert len(secret) > 10
        for form in (secret, quote(secret, safe=""), *_in_base64(secret)):
            assert form not in written


def _in_base64(secret: str) -> list[str]:
    """Return what a secret leaves in base64, wherever in the encoded bytes it begins."""
    raw = secret.encode()
    # Of a group of three bytes only what is whole is certain: the ends depend on what stands beside.
    return [base64.b64encode(raw[skip : skip + (len(raw) - skip) // 3 * 3]).decode() for skip in range(3)]


# ── what others left ─────────────────────────────────────────────────────────────────────────────────────────────────


async def check_a_strangers_card_is_heard(rig: Rig) -> None:
    """Only the bridge can tell a person that it knows nothing of a card: the press has to reach it."""
    sent = await opened(rig)
    card = await rig.stranger_posts(sent.thread, GRANT)
    await rig.transcript(sent.thread)
    await rig.user_presses(sent.thread, card, "Allow once", who="ravi")
    pressed = await taken(rig, events.Pressed)
    assert (pressed.lane, pressed.card) == (sent.thread, card)
    assert pressed.author.identity == rig.identity("ravi")


async def check_alerts_are_context(rig: Rig) -> None:
    alert = await rig.alerts("Build 8123 failed", "main is red since 14:05")
    first = await taken(rig, events.Posted)
    assert (first.lane, first.author.bot) == (alert.thread, True)
    await rig.user_posts("who looks at it?", thread=alert.thread)
    await taken(rig, events.Posted)
    last = await rig.alerts("Build 8124 passed", "main is green again", thread=alert.thread)
    second = await taken(rig, events.Posted)
    assert (second.lane, second.message, second.author.bot) == (alert.thread, last.message, True)
    for event, words in (
        (first, ("Build 8123 failed", "main is red since 14:05")),
        (second, ("Build 8124 passed",)),
    ):
        assert all(event.text.count(word) == 1 for word in words), event.text
    if rig.adapter.caps.history:
        known = await rig.adapter.history(alert.thread, upto=last.message, limit=10)
        assert [(each.author.bot, each.text) for each in known.messages] == [
            (True, first.text), (False, "who looks at it?"), (True, second.text)
        ]  # fmt: skip


async def check_a_long_past_is_whole(rig: Rig) -> None:
    if not rig.adapter.caps.history:
        return
    sent = await opened(rig, "root")
    count = rig.page + 5
    for number in range(count):
        last = await rig.user_posts(
            f"reply {number}", thread=sent.thread, who="ravi" if number % 2 else "maya"
        )
    known = await rig.adapter.history(sent.thread, upto=last.message, limit=count)
    assert [each.text for each in known.messages] == ["root", *(f"reply {number}" for number in range(count))]
    assert known.left_out == 0
    some = await rig.adapter.history(sent.thread, upto=last.message, limit=3)
    assert [each.text for each in some.messages] == [
        "root",
        *(f"reply {number}" for number in range(count - 3, count)),
    ]
    assert some.left_out == count - 3


def _trouble(rig: Rig) -> Trouble:
    assert rig.trouble is not None, "Caps say that there is a network: its rig has to be able to break it"
    return rig.trouble


CHECKS: tuple[Check, ...] = tuple(
    check for name, check in sorted(globals().items()) if name.startswith("check_")
)
