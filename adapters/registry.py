"""The adapters by name. Owns: CHATS, load. Imports: importlib; an adapter is imported when it is loaded. Effects: none."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Mapping
from typing import cast

from core.errors import BadInput
from core.ports import ChatAdapter

CHATS: Mapping[str, str] = {
    "local": "adapters.chat.local.plugin:build",
    "discord": "adapters.chat.discord.plugin:build",
    "matrix": "adapters.chat.matrix.plugin:build",
    "slack": "adapters.chat.slack.plugin:build",
}


def load(name: str) -> Callable[..., ChatAdapter]:
    """Return the function that builds the named chat adapter. Raises BadInput, with the nearest names, for an unknown one."""
    spelled = CHATS.get(name)
    if spelled is None:
        near = difflib.get_close_matches(name, CHATS, n=3) or sorted(CHATS)
        raise BadInput(f"there is no chat adapter {name!r}", remedy=f"Known: {', '.join(near)}.")
    module, _, attribute = spelled.partition(":")
    return cast("Callable[..., ChatAdapter]", getattr(importlib.import_module(module), attribute))
