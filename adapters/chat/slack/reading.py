"""What a Slack message says, as plain text. Owns: Reading, read, people. Imports: re, payload. Effects: none.

People's messages carry `rich_text` blocks, which say what they wrote to the letter; alert bots post blocks or attachments alone.
`text` is the fallback when neither says anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from adapters.chat.slack.names import Me
from adapters.chat.slack.payload import Json, number, rows, table, text

_MINE = "\x00"  # stands for a mention of the bridge until the text is whole
_TOKEN = re.compile(r"<([^<>\n]+)>")
_USER = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^<>]*)?>")
_CHANNEL = re.compile(r"<#([A-Z0-9]+)\|([^<>]+)>")
# What Slack makes of a command's words; anything else in angle brackets is what the person typed.
_TYPED = re.compile(
    r"<(?P<kind>[@#]?)(?P<target>(?<=@)[UW][A-Z0-9]+|(?<=#)[CG][A-Z0-9]+|(?<=<)(?:https?://|mailto:)[^<>|\n]+)"
    r"(?:\|(?P<label>[^<>\n]*))?>"
)
_CALL = re.compile(rf"{_MINE}[,:]?[ \t]*")
_STYLES = (("code", "`"), ("bold", "*"), ("italic", "_"), ("strike", "~"))
MAX_DEPTH = 4  # of messages shared within messages


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A message as the bridge gets it: without the mention of itself; `mentions` are user ids, in order, `named` what they are called."""

    text: str
    addressed: bool = False
    mentions: tuple[str, ...] = ()
    named: tuple[str, ...] = ()


def read(message: Json, me: Me, names: Mapping[str, str]) -> Reading:
    """Read a message; `names` maps user ids to the names they go by."""
    fallback = text(message, "text")
    reader = _Reader(me, names, dict(_CHANNEL.findall(fallback)) if "<#" in fallback else {})
    whole = reader.message(message, 0).replace("\r\n", "\n")
    addressed = _MINE in whole
    kept = _CALL.sub("", whole).strip() if addressed else whole
    mentions = tuple(dict.fromkeys(reader.mentioned))
    named = tuple(names.get(user, "") for user in mentions)
    return Reading(text=kept, addressed=addressed, mentions=mentions, named=named)


def command(raw: str, me: Me) -> Reading:
    """Read the words after a slash command, in which the app may have Slack spell people and links; `me` is not mentioned by them."""
    called: dict[str, str] = {}
    pieces, end = [], 0
    for match in _TYPED.finditer(raw):
        kind, target, label = match["kind"], unescape(match["target"]), unescape(match["label"] or "")
        if kind == "@" and target != me.user:
            called[target] = label
        shown = f"{kind}{label or target}" if kind else _link(target, label)
        pieces += [unescape(raw[end : match.start()]), shown]
        end = match.end()
    whole = "".join([*pieces, unescape(raw[end:])])
    return Reading(text=whole.strip(), mentions=tuple(called), named=tuple(called.values()))


def people(message: Json) -> frozenset[str]:
    """Return the ids of everybody a message names, whose names `read` wants to know."""
    words = text(message, "text")
    found = {text(message, "user")}
    if "<@" in words:
        found.update(_USER.findall(words))
    if not words or text(message, "bot_id"):
        # What people wrote is in the text as well; bots may say it in blocks alone.
        found |= set(_users_of(message.get("blocks"), 0))
    for attachment in rows(message, "attachments"):
        found |= {text(attachment, "author_id"), *_USER.findall(text(attachment, "text"))}
    return frozenset(found - {""})


def _users_of(value: object, depth: int) -> Iterator[str]:
    if depth > 12:
        return
    if isinstance(value, list):
        for each in value:
            yield from _users_of(each, depth + 1)
    elif isinstance(value, dict):
        if value.get("type") == "user":
            yield text(value, "user_id")
        elif value.get("type") == "mrkdwn":
            yield from _USER.findall(text(value, "text"))
        else:
            yield from _users_of(list(value.values()), depth + 1)


class _Reader:
    """Reads one message and gathers whom it mentions."""

    def __init__(self, me: Me, names: Mapping[str, str], channels: Mapping[str, str]) -> None:
        self._me = me
        self._names = names
        self._channels = channels
        self._quoting = False
        self.mentioned: list[str] = []

    def message(self, raw: Json, depth: int) -> str:
        blocks = [shown for block in rows(raw, "blocks") if (shown := self._block(block))]
        words = "\n".join(blocks) or self.mrkdwn(text(raw, "text"))
        is_bot = bool(text(raw, "bot_id"))
        parts = [words]
        for attachment in rows(raw, "attachments") if depth < MAX_DEPTH else ():
            # Whom a passed-on message or an alert's card names is not called by whoever posted it.
            self._quoting = True
            shared = attachment.get("is_share") is True or attachment.get("is_msg_unfurl") is True
            # A link's preview is not what the person said; a message they passed on is.
            if is_bot or shared or not text(attachment, "from_url"):
                parts.append(self._attachment(attachment, depth, shared=shared))
        return "\n".join([part for part in parts if part])

    def _attachment(self, raw: Json, depth: int, *, shared: bool) -> str:
        whose = text(raw, "author_name") or text(raw, "author_subname")
        if shared:
            origin = " ".join(part for part in (whose, text(raw, "from_url")) if part)
            inner = [text(nested, "message", "text") for nested in rows(raw, "message_blocks")]
            words = self.mrkdwn(text(raw, "text")) or "\n".join(part for part in inner if part)
            return _quoted(f"{origin}:\n{words}" if origin else words)
        title = " ".join(part for part in (self.mrkdwn(text(raw, "title")), text(raw, "title_link")) if part)
        fields = [
            f"{self.mrkdwn(text(each, 'title'))}: {self.mrkdwn(text(each, 'value'))}"
            for each in rows(raw, "fields")
        ]
        body = self.message({"text": text(raw, "text"), "blocks": raw.get("blocks")}, depth + 1)
        parts = [
            self.mrkdwn(text(raw, "pretext")),
            whose,
            title,
            body,
            *fields,
            self.mrkdwn(text(raw, "footer")),
        ]
        return "\n".join(part for part in parts if part) or self.mrkdwn(text(raw, "fallback"))

    # ── blocks ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _block(self, block: Json) -> str:
        match block.get("type"):
            case "rich_text":
                return self._rich(rows(block, "elements"))
            case "section":
                fields = [self._object(field) for field in rows(block, "fields")]
                return "\n".join(part for part in (self._object(table(block, "text")), *fields) if part)
            case "header":
                return self._object(table(block, "text"))
            case "context":
                return " ".join(
                    part for each in rows(block, "elements") if (part := self._object(each) or text(each, "alt_text"))
                )  # fmt: skip
            case "markdown":
                return text(block, "text")
            case "image" | "video":
                return self._object(table(block, "title")) or text(block, "alt_text")
            case "table":
                lines = block.get("rows")
                return (
                    "\n".join(self._row(line) for line in lines if isinstance(line, list))
                    if isinstance(lines, list)
                    else ""
                )
            case _:
                return ""

    def _object(self, raw: Json) -> str:
        return self.mrkdwn(text(raw, "text")) if raw.get("type") == "mrkdwn" else text(raw, "text")

    def _row(self, row: Sequence[object]) -> str:
        cells = [
            self._rich(rows(cell, "elements"))
            if table(cell).get("type") == "rich_text"
            else text(cell, "text")
            for cell in row
        ]
        return f"| {' | '.join(cells)} |"

    def _rich(self, elements: Sequence[Json]) -> str:
        return "\n".join([self._element(element).removesuffix("\n") for element in elements])

    def _element(self, element: Json) -> str:
        inner = rows(element, "elements")
        match element.get("type"):
            case "rich_text_list":
                return self._list(element, inner)
            case "rich_text_preformatted":
                return f"```\n{self._parts(inner)}\n```"
            case "rich_text_quote":
                return _quoted(self._parts(inner))
            case _:
                return self._parts(inner)

    def _list(self, element: Json, inner: Sequence[Json]) -> str:
        indent = "    " * min(number(element, "indent"), 8)
        first = number(element, "offset") + 1
        marks = [
            f"{place}." if element.get("style") == "ordered" else "-"
            for place in range(first, first + len(inner))
        ]
        return "\n".join(
            f"{indent}{mark} {self._element(each)}" for mark, each in zip(marks, inner, strict=True)
        )

    def _parts(self, parts: Sequence[Json]) -> str:
        return "".join([self._part(part) for part in parts])

    def _part(self, part: Json) -> str:
        match part.get("type"):
            case "text":
                words, style = text(part, "text").replace(_MINE, ""), part.get("style")
                return _styled(words, table(style)) if style else words
            case "link":
                return _link(text(part, "url"), text(part, "text"))
            case "user":
                return self._user(text(part, "user_id"))
            case "usergroup":
                return f"@{text(part, 'usergroup_id')}"
            case "broadcast":
                return f"@{text(part, 'range')}"
            case "channel":
                known = self._channels.get(text(part, "channel_id"))
                return f"#{known or text(part, 'channel_id')}"
            case "emoji":
                return _emoji(text(part, "unicode")) or f":{text(part, 'name')}:"
            case "date":
                return text(part, "fallback")
            case "color":
                return text(part, "value")
            case _:
                return text(part, "text")

    def _user(self, user: str) -> str:
        if self._quoting:
            return f"@{self._me.name if user == self._me.user else self._names.get(user) or user}"
        if user == self._me.user:
            return _MINE
        self.mentioned.append(user)
        return f"@{self._names.get(user) or user}"

    # ── mrkdwn ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def mrkdwn(self, raw: str) -> str:
        """Return mrkdwn as plain text: references by name, links by address, entities as what they stand for."""
        pieces, end = [], 0
        raw = raw.replace(_MINE, "")
        for match in _TOKEN.finditer(raw):
            pieces += [unescape(raw[end : match.start()]), self._reference(match[1])]
            end = match.end()
        return "".join([*pieces, unescape(raw[end:])])

    def _reference(self, inner: str) -> str:
        target, _, label = inner.partition("|")
        label = unescape(label)
        if target.startswith("@"):
            return self._user(target[1:])
        if target.startswith("#"):
            return f"#{label or target[1:]}"
        if target.startswith("!"):
            name = label or target[1:].partition("^")[0]
            return name if name.startswith("@") or target.startswith("!date") else f"@{name}"
        return _link(unescape(target), label)


def unescape(raw: str) -> str:
    """Return text with Slack's three entities as the characters they stand for."""
    return raw.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _link(url: str, label: str) -> str:
    address = url.removeprefix("mailto:").removeprefix("tel:")
    return address if not label or label in url else f"{label} ({address})"


def _quoted(words: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in words.split("\n"))


def _styled(words: str, style: Json) -> str:
    marks = "".join(mark for name, mark in _STYLES if style.get(name) is True) if style else ""
    core = words.strip()
    if not marks or not core:
        return words
    start = len(words) - len(words.lstrip())
    return f"{words[:start]}{marks[::-1]}{core}{marks}{words[start + len(core) :]}"


def _emoji(points: str) -> str:
    try:
        return "".join(chr(int(point, 16)) for point in points.split("-")) if points else ""
    except (ValueError, OverflowError):
        return ""
