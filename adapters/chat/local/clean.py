"""Untrusted text made fit for a terminal. Owns: clean, one_line, clip. Imports: re, unicodedata. Effects: none."""

from __future__ import annotations

import re
import unicodedata

# Escape sequences go whole, so that no "[31m" stays behind as text.
_ESCAPES = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC: titles, links, clipboard
    r"|\x1b[PX^_][^\x1b]*(?:\x1b\\)?"  # DCS and its kin
    r"|[\x1b\x9b]\[?[0-?]*[ -/]*[@-~]?"  # CSI and two-character escapes
)
_BREAKS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
# Marks that reorder or hide what follows them: bidi controls, tag characters, invisible fillers.
_HIDDEN = re.compile(
    "[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\U000e0000-\U000e0fff]"
)


def clean(text: str) -> str:
    """Return `text` without escape sequences, control characters and marks that hide or reorder; tabs and newlines stay."""
    text = _HIDDEN.sub("", _BREAKS.sub("\n", _ESCAPES.sub("", text)))
    return "".join(mark for mark in text if mark in "\n\t" or unicodedata.category(mark) not in {"Cc", "Cs"})


def one_line(text: str) -> str:
    """Return the cleaned text on one line, spaces squeezed: for names and titles."""
    return " ".join(clean(text).split())


def clip(text: str, limit: int) -> str:
    """Return `text` in at most `limit` characters, the last one an ellipsis when something was cut."""
    return text if len(text) <= limit else text[: max(0, limit - 1)] + "…"
