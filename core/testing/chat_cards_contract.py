"""What any chat adapter must hold about cards, the thread's past, files and the end. Owns: CHECKS. Imports: core. Effects: the rig's."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from core import events, message
from core.errors import Rejected
from core.ids import Token
from core.message import Message
from core.testing.chat_rig import Rig, opened, taken, texts

Check = Callable[[Rig], Awaitable[None]]

GRANT = Message(
    title="may I run this?",
    blocks=(
        message.Code(text="make test"),
        message.Buttons(
            buttons=(
                message.Button(label="Allow once", token=Token("f" * 32), style="primary"),
                message.Button(label="Deny…", token=Token("e" * 32), wants_text="Why not?"),
            )
        ),
    ),
)


def question(options: int) -> Message:
    """Return a question with so many answers to choose from, and one in words."""
    offered = [
        message.Button(label=f"Colour {number}", token=Token(f"{number:032x}"))
        for number in range(1, options + 1)
    ]
    words = message.Button(label="Other…", token=Token("d" * 32), wants_text="In your own words")
    return Message(
        title="Which colour?",
        blocks=(
            message.Text(text="\n".join(f"• **{button.label}**: as said" for button in offered)),
            message.Buttons(buttons=(*offered, words), question="Which colour?"),
        ),
    )


# ── buttons ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def check_a_press_says_what_and_who(rig: Rig) -> None:
    sent = await opened(rig)
    card = await rig.adapter.post(sent.thread, GRANT, key="ask")
    await rig.user_presses(sent.thread, card, "Allow once", who="ravi")
    pressed = await taken(rig, events.Pressed)
    assert (pressed.lane, pressed.card, pressed.token) == (sent.thread, card, "f" * 32)
    assert pressed.author.identity == rig.identity("ravi")


async def check_a_form_brings_its_text(rig: Rig) -> None:
    if not rig.adapter.caps.forms:
        return
    sent = await opened(rig)
    card = await rig.adapter.post(sent.thread, GRANT, key="ask")
    await rig.user_presses(sent.thread, card, "Deny…", text="not on a Friday")
    pressed = await taken(rig, events.Pressed)
    assert (pressed.token, pressed.text) == ("e" * 32, "not on a Friday")


async def check_two_presses_are_two_events(rig: Rig) -> None:
    sent = await opened(rig)
    card = await rig.adapter.post(sent.thread, GRANT, key="ask")
    await rig.user_presses(sent.thread, card, "Allow once")
    await rig.user_presses(sent.thread, card, "Allow once", who="ravi")
    first, second = await taken(rig, events.Pressed), await taken(rig, events.Pressed)
    assert first.dedup != second.dedup


async def check_a_late_press_still_arrives(rig: Rig) -> None:
    """The bridge has to hear it, or nobody can be told that it came too late."""
    sent = await opened(rig)
    card = await rig.adapter.post(sent.thread, GRANT, key="ask")
    await rig.transcript(sent.thread)  # maya has the card before her, with its buttons
    await rig.adapter.edit(sent.thread, card, message.text("allowed once by Ravi"))
    await rig.reconnect()
    await rig.user_presses(sent.thread, card, "Allow once")
    assert (await taken(rig, events.Pressed)).token == "f" * 32


async def check_an_answer_says_which_and_who(rig: Rig) -> None:
    sent = await opened(rig)
    for options, label in ((2, "Colour 2"), (12, "Colour 11")):
        card = await rig.adapter.post(sent.thread, question(options), key=f"question {options}")
        shown = next(seen.text for seen in await rig.transcript(sent.thread) if seen.id == card)
        assert "Which colour?" in shown
        assert all(f"Colour {number}: as said" in shown for number in range(1, options + 1))
        await rig.user_presses(sent.thread, card, label, who="ravi")
        pressed = await taken(rig, events.Pressed)
        assert (pressed.lane, pressed.card) == (sent.thread, card)
        assert pressed.token == f"{int(label.split()[1]):032x}"
        assert pressed.author.identity == rig.identity("ravi")


async def check_an_answer_can_be_in_words(rig: Rig) -> None:
    if not rig.adapter.caps.forms:
        return
    sent = await opened(rig)
    card = await rig.adapter.post(sent.thread, question(3), key="question")
    await rig.user_presses(sent.thread, card, "Other…", text="none of these")
    pressed = await taken(rig, events.Pressed)
    assert (pressed.token, pressed.text) == ("d" * 32, "none of these")


async def check_a_settled_question_is_one_line_and_a_late_answer_arrives(rig: Rig) -> None:
    sent = await opened(rig)
    card = await rig.adapter.post(sent.thread, question(12), key="question")
    await rig.transcript(sent.thread)  # maya has the card before her, with its answers
    await rig.adapter.edit(sent.thread, card, message.text("✓ answered by Ravi: Colour 3"))
    await rig.reconnect()
    shown = next(seen.text for seen in await rig.transcript(sent.thread) if seen.id == card)
    assert shown.strip() == "✓ answered by Ravi: Colour 3"
    await rig.user_presses(sent.thread, card, "Colour 7")
    assert (await taken(rig, events.Pressed)).token == f"{7:032x}"


# ── the thread's past, files, the end ────────────────────────────────────────────────────────────────────────────────


async def check_history_is_whole_and_in_order(rig: Rig) -> None:
    if not rig.adapter.caps.history:
        return
    sent = await opened(rig, "root")
    for number in range(30):
        last = await rig.user_posts(f"reply {number}", thread=sent.thread, who="ravi")
        await taken(rig, events.Posted)
    await rig.user_posts("after the loop began", thread=sent.thread)
    known = await rig.adapter.history(sent.thread, upto=last.message, limit=100)
    assert [each.text for each in known.messages] == ["root", *(f"reply {number}" for number in range(30))]
    assert known.left_out == 0
    assert known.messages[3].author.identity == rig.identity("ravi")
    assert all(each.lane == sent.thread for each in known.messages)
    some = await rig.adapter.history(sent.thread, upto=last.message, limit=5)
    assert [each.text for each in some.messages] == ["root", *(f"reply {number}" for number in range(25, 30))]
    assert some.left_out == 25


async def check_history_knows_edits_and_deletions(rig: Rig) -> None:
    if not rig.adapter.caps.history:
        return
    sent = await opened(rig, "root")
    reply = await rig.user_posts("a secret", thread=sent.thread)
    last = await rig.user_posts("old words", thread=sent.thread)
    await rig.user_deletes(reply)
    await rig.user_edits(last, "new words")
    known = await rig.adapter.history(sent.thread, upto=last.message, limit=10)
    assert [each.text for each in known.messages] == ["root", "new words"]


async def check_files_come_in(rig: Rig) -> None:
    if not rig.adapter.caps.files:
        return
    content = bytes(range(256)) * 10
    await rig.user_posts("see the log", files={"build.log": content})
    (file,) = (await taken(rig, events.Posted)).files
    assert (file.name, file.size) == ("build.log", len(content))
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder) / "in"
        await rig.adapter.fetch(file, into, max_bytes=len(content))
        assert await asyncio.to_thread(into.read_bytes) == content
        small = Path(folder) / "small"
        try:
            await rig.adapter.fetch(file, small, max_bytes=len(content) - 1)
        except Rejected:
            assert not small.exists()
        else:
            raise AssertionError("a file larger than wanted was fetched")


async def check_files_go_out(rig: Rig) -> None:
    sent = await opened(rig)
    note = message.Attachment(name="changes.diff", content="+one\n-two\n")
    await rig.adapter.post(sent.thread, Message(title="The diff", blocks=(note,)), key="file")
    assert any("changes.diff" in text for text in await texts(rig, sent.thread))


async def check_closing_leaves_nothing(rig: Rig) -> None:
    await rig.reconnect()
    before = await _tasks()
    for _ in range(3):
        await rig.reconnect()
    assert await _tasks() == before
    await rig.adapter.__aexit__(None, None, None)
    await rig.adapter.__aexit__(None, None, None)


async def _tasks() -> int:
    """Return how many tasks there are once their number stands still."""
    counts: list[int] = []
    while len(counts) < 10 or len(set(counts[-10:])) > 1:
        await asyncio.sleep(0.01)
        counts.append(sum(not task.done() for task in asyncio.all_tasks()))
    return counts[-1]


async def check_the_probe_is_content(rig: Rig) -> None:
    findings = await rig.adapter.probe()
    assert findings
    assert [finding for finding in findings if not finding.ok] == []


CHECKS: tuple[Check, ...] = tuple(
    check for name, check in sorted(globals().items()) if name.startswith("check_")
)
