"""Keeps one secret out of bytes that pass by. Owns: Redactor, scrub. Imports: base64, urllib. Effects: none."""

from __future__ import annotations

import base64
from urllib.parse import quote

HIDDEN = b"[redacted]"
SHORTEST = 6  # anything shorter, or a plain word, is no key, and hiding it would garble ordinary text


class Redactor:
    """Replaces the secret and its usual spellings, also where it is split over pieces. A piece is held back only while it
    ends in what may be the beginning of the secret."""

    def __init__(self, secret: str) -> None:
        self._forms = _forms(secret)
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        """Return what may go on now."""
        if not self._forms:
            return chunk
        data = scrub(self._held + chunk, self._forms)
        keep = max(_overlap(data, form) for form in self._forms)
        self._held = data[len(data) - keep :]
        return data[: len(data) - keep]

    def rest(self) -> bytes:
        """Return what was held back, once nothing follows."""
        held, self._held = self._held, b""
        return held

    def text(self, text: str) -> str:
        """Return a whole text without the secret."""
        return scrub(text.encode("utf-8", "replace"), self._forms).decode()


def scrub(data: bytes, forms: tuple[bytes, ...]) -> bytes:
    """Return `data` with every form replaced."""
    for form in forms:
        data = data.replace(form, HIDDEN)
    return data


def _forms(secret: str) -> tuple[bytes, ...]:
    if len(secret) < SHORTEST or secret.isalpha():
        return ()
    raw = secret.encode()
    forms = {
        raw,
        quote(secret, safe="").encode(),
        base64.b64encode(raw).rstrip(b"="),
        base64.urlsafe_b64encode(raw).rstrip(b"="),
    }
    return tuple(sorted(forms, key=len, reverse=True))


def _overlap(data: bytes, form: bytes) -> int:
    """Return how many of the last bytes of `data` are the beginning of `form`."""
    at = max(0, len(data) - len(form) + 1)
    while (at := data.find(form[:1], at)) >= 0:
        if form.startswith(data[at:]):
            return len(data) - at
        at += 1
    return 0
