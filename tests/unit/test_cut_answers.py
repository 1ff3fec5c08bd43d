"""What is told of a text that no message holds. Effects: none."""

from __future__ import annotations

from core import cards, effects, reports
from core.message import Attachment, Text
from tests.unit.story import Story


def test_the_word_about_a_cut_answer_stands_outside_its_last_fence() -> None:
    story = Story().started()
    story.results("Found it:\n\n```python\n" + "value = 1\n" * 2_000 + "```\n")
    if story.of(effects.TakeWork):
        story.taken()
    (answer,) = (
        each.message
        for each in story.effects
        if isinstance(each, effects.Say)
        and any(isinstance(block, Attachment) for block in each.message.blocks)
    )
    cut, told = (block.text for block in answer.blocks[:2] if isinstance(block, Text))
    assert cut.startswith("Found it")
    assert len(cut) <= cards.LONG_ANSWER
    assert told == "… (the whole answer is in the file)"


def test_a_long_diffs_lines_are_counted_as_its_file_has_them() -> None:
    loop = Story().started().loop
    shown = reports.diff(loop, "+a line of it\n" * 400)
    assert any(isinstance(block, Text) and "400 lines in all" in block.text for block in shown.blocks)
