"""Whom a message is meant for. Owns: Me, Reading, read. Imports: html, re, core. Effects: none.

Clients say it in `m.mentions`; older ones only link to a person (a pill) or write a name. The HTML of others is searched for such links
and never shown.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from core import commands

_PILL = re.compile(
    r"""<a\s[^>]*?href\s*=\s*["']https://matrix\.to/#/(@|%40)([^"'?/]+)[^>]*>""", re.IGNORECASE
)
_USER = re.compile(r"@[^\s:@]{1,200}:[A-Za-z0-9.\[\]:-]{1,200}\Z")
_TYPED = re.compile(r"(?<![\w@./-])@[^\s:@<>]{1,200}:[A-Za-z0-9.\[\]:-]{0,199}[A-Za-z0-9\]]")
_FALLBACK = re.compile(r"\A(?:> [^\n]*\n)+\n?")
_REPLY_HTML = re.compile(r"<mx-reply>.*?</mx-reply>", re.DOTALL | re.IGNORECASE)
MOST = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Me:
    """The bot: its user id and what it is called."""

    user: str
    name: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        """Return what people write to call it, the longest first."""
        local = self.user[1:].partition(":")[0]
        return tuple(sorted({word for word in (self.user, self.name, local) if word}, key=len, reverse=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A text as the bridge gets it: without the mention of itself; `mentions` are the user ids of others, in order."""

    text: str
    addressed: bool = False
    mentions: tuple[str, ...] = ()


def read(content: Mapping[str, Any], me: Me, *, reply: bool) -> Reading:
    """Read a message's content; with `reply`, the quotation in front of an old-style reply is left out."""
    text, markup = str(content.get("body") or ""), content.get("formatted_body")
    pilled = _pills(markup if isinstance(markup, str) else "")
    if reply:
        text = _FALLBACK.sub("", text)
    told = content.get("m.mentions")
    listed: list[str] = []
    if isinstance(told, dict) and isinstance(told.get("user_ids"), list):
        listed = [user for user in told["user_ids"] if isinstance(user, str) and _USER.match(user)]
    # Whoever writes a whole id in a command means that user; no client has to have made a link of it.
    typed = _TYPED.findall(text) if commands.spoken(text) is not None else ()
    called = dict.fromkeys([*listed, *pilled, *typed][:MOST])
    written, kept = _without(text, me, names=not isinstance(told, dict))
    addressed = me.user in called or written
    if addressed and not written:
        _, kept = _without(text, me, names=True)
    others = tuple(user for user in called if user != me.user)
    return Reading(text=kept if addressed else text, addressed=addressed, mentions=others)


def _pills(markup: str) -> list[str]:
    found = ("@" + unquote(html.unescape(rest)) for _, rest in _PILL.findall(_REPLY_HTML.sub("", markup)))
    return [user for user in found if _USER.match(user)]


def _without(text: str, me: Me, *, names: bool) -> tuple[bool, str]:
    """Return whether a text calls the bot, and the text without it: by its id, or with `names` at its start by name."""
    kept = re.sub(
        rf"(?<![\w@./-]){re.escape(me.user)}(?![\w.-]*\w)[,:]?[ \t]*", "", text, flags=re.IGNORECASE
    )
    if kept == text and names:
        called = "|".join(re.escape(word) for word in me.words)
        kept = re.sub(
            rf"\A\s*(?:@(?:{called})\b[,:]?|(?:{called})[,:])\s*", "", text, count=1, flags=re.IGNORECASE
        )
        if kept == text:
            kept = re.sub(rf"(?<![\w@./-])@(?:{called})\b(?![:.]\w)[ \t]*", "", text, flags=re.IGNORECASE)
    return kept != text, kept.strip() if kept != text else text
