"""Untrusted text made short and harmless. Owns: whole, short. Imports: re, unicodedata. Effects: none."""

from __future__ import annotations

import re
import unicodedata

# An escape sequence is taken out whole: without its first character the rest would stand there as text.
ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
KEPT = frozenset("\n\t")


def whole(text: str) -> str:
    """Return the text without control, bidi and other invisible format characters and without broken surrogates."""
    seen = ESCAPES.sub("", text)
    return "".join(
        char for char in seen if char in KEPT or unicodedata.category(char) not in {"Cc", "Cf", "Cs"}
    )


def short(text: str, limit: int) -> str:
    """Return one line of at most `limit` characters; an ellipsis stands for what was cut."""
    line = " ".join(whole(text[: limit * 8]).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
