"""Files of the chat, as the loop finds them. Owns: inbox_name, the bounds. Imports: core.events, re. Effects: none."""

from __future__ import annotations

import hashlib
import re

from core.events import FileRef

INBOX = "/loop/inbox"
MOST = 30  # files a loop is given at a time; the newest
MOST_BYTES = 25 << 20  # of one file


def inbox_name(file: FileRef) -> str:
    """Return the name a file has in the loop's inbox: its own, made harmless, with a mark that keeps namesakes apart."""
    stem, dot, ending = file.name.rpartition(".") if "." in file.name.strip(".") else (file.name, "", "")
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-")[:60] or "file"
    kind = re.sub(r"[^A-Za-z0-9]+", "", ending)[:10]
    return f"{plain}-{hashlib.sha256(file.id.encode()).hexdigest()[:6]}{dot if kind else ''}{kind}"


def path(file: FileRef) -> str:
    """Return where the agent finds a file."""
    return f"{INBOX}/{inbox_name(file)}"
