"""Untrusted text made short and harmless. Owns: whole, short. Imports: re, unicodedata. Effects: none."""

from __future__ import annotations

import re
import unicodedata

# An escape sequence is taken out whole: without its first character the rest would stand there as text.
ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
KEPT = frozenset("\n\t")


def whole(text: str, limit: int) -> str:
    """Return the text without control, bidi and other invisible characters and broken surrogates, cut at `limit` characters."""
    seen = ESCAPES.sub("", text[:limit])
    kept = "".join(
        char for char in seen if char in KEPT or unicodedata.category(char) not in {"Cc", "Cf", "Cs"}
    )
    return kept if len(text) <= limit else f"{kept}…"


def short(text: str, limit: int) -> str:
    """Return one line of at most `limit` characters; an ellipsis stands for what was cut."""
    line = " ".join(whole(text, limit * 8).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
