"""What is said to the bridge alone, and what somebody says to others by a command. Owns: nothing. Imports: core. Effects: none."""

from __future__ import annotations

import pytest

from core import asides, graph
from core.ids import message_key
from tests.unit.story import THREAD, Story


@pytest.mark.parametrize(
    "text",
    [
        "/loop", "/loop help", "!loop status", "/loop why 3f2a91c", "/LOOP list all", "/loop context exclude 2", "/loop hepl", "/loop stop",
        "/loop approve 7f3", "/loop deny", "/loop deny #7f3", "approve 7f3", "Deny #7f3!", "/loop merge a1b2c3", "/loop reject a1b2c3",
        "/loop promote notes", "/loop schedule list", "/loop schedule pause a1b2c3", "/loop resume", "/loop handoff @ravi", "/loop done",
        "/loop budget 5", "/loop distill since yesterday", "/loop people add @ravi member", "/loop remember", "/loop focus", "/loop start",
    ],
)  # fmt: skip
def test_words_to_the_bridge(text: str) -> None:
    assert asides.aside(text)


@pytest.mark.parametrize(
    "text",
    [
        "the login test fails", "", "status", "loop help is nice", "approve 7f3 because it is pinned", "deny the request",
        "/loop fix the flaky test", "/loop --repo app fix it", "/loop deny 7f3 because we pin versions", "/loop deny because we pin versions",
        "/loop approve 7f3 but only this once", "/loop answer 7f3 2", "/loop answer 2", "/loop resume but leave the API alone",
        "/loop reject a1b2c3 because it holds for staging", "/loop edit-proposal a1b2c3 name the source", "/loop decide we pin versions",
        '/loop schedule "every day at 9" run the tests', "/loop remember staging is at db2", "/loop focus pin Ship 2.0",
        "/loop promote notes what we know of clocks", "/loop inbox look at the mails",
    ],
)  # fmt: skip
def test_something_said(text: str) -> None:
    assert not asides.aside(text)


@pytest.mark.parametrize(
    ("text", "aside"), [("status", True), ("help", True), ("thanks", False), ("", False), ("look at the log again", False)]
)  # fmt: skip
def test_what_is_addressed_to_the_bridge_needs_no_prefix(text: str, aside: bool) -> None:
    assert asides.aside(text, addressed=True) is aside
    story = Story().started()
    story.says("maya", text, addressed=True)
    key = graph.message(message_key(THREAD, str(story._number)))
    (node,) = (fact for fact in story.facts if isinstance(fact, graph.Node) and fact.key == key)
    assert asides.said(node) is not aside


def test_what_repeats_a_message_counts_beside_it_no_more() -> None:
    story = Story()
    story.says("ravi", "/loop start stop the flaky test", repeats="1")
    assert story.loop.title == "Stop the flaky test"
    (node,) = (fact for fact in story.facts if isinstance(fact, graph.Node) and fact.kind == "message")
    assert not asides.said(node)
