"""The Slack app's manifest and its page say what the adapter needs. Effects: reads the repository."""

from __future__ import annotations

import re
from pathlib import Path

from adapters.chat.slack import forms, plugin
from adapters.chat.slack.probe import EVENTS, SCOPES

ROOT = Path(plugin.__file__).parents[3]
HEARD = {
    "app_home_opened", "app_mention", "app_uninstalled", "message.channels", "message.groups", "message.im", "message.mpim",
    "reaction_added", "tokens_revoked",
}  # fmt: skip


def listed(name: str) -> set[str]:
    """Return the items of a list in the manifest."""
    text = (ROOT / "config" / "slack-manifest.yaml").read_text(encoding="utf-8")
    block = re.search(rf"^( +){name}:\n((?:\1  - .*\n)+)", text, re.MULTILINE)
    assert block is not None
    return {line.strip().removeprefix("- ") for line in block[2].splitlines()}


def test_the_manifest_asks_for_what_is_needed_and_no_more() -> None:
    assert listed("bot") == set(SCOPES)
    assert listed("bot_events") == HEARD
    assert set(EVENTS) == HEARD - {"app_uninstalled", "tokens_revoked"}, "what cannot be checked is named"
    assert f"callback_id: {forms.START}" in (ROOT / "config" / "slack-manifest.yaml").read_text(
        encoding="utf-8"
    )


def test_every_scope_and_event_is_explained() -> None:
    page = (ROOT / "docs" / "slack.md").read_text(encoding="utf-8")
    for name in (*SCOPES, *(event for event in HEARD if not event.startswith("message."))):
        assert f"`{name}`" in page, name
