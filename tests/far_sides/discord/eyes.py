"""A message as its reader sees it. Owns: read. Imports: re. Effects: none.

Discord's Markdown, rule by rule in the order in which its client tries them. What is formatting is taken away; what it turns into
something else (a mention, a bullet, a date) is written as what it becomes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

ESCAPE = re.compile(r"\\([^0-9A-Za-z\s])")
FENCE = re.compile(r"```(?:([a-z0-9_+\-.#]+?)\n)?\n*([^\n](?:.|\n)*?)\n*```", re.IGNORECASE)
CODE = re.compile(r"(`+)((?:.|\n)*?[^`])\1(?!`)")
HEADING = re.compile(r"#{1,3}(?!#)[ \t]+([^\n]+)")
SUBTEXT = re.compile(r"-#[ \t]+([^\n]+)")
QUOTE = re.compile(r">(?:>>)? ([^\n]*)")
BULLET = re.compile(r"( *)[-*] (?=\S)")
NUMBER = re.compile(r"( *)(\d{1,10})\. (?=\S)")
PERSON, ROLE, CHANNEL = re.compile(r"<@!?(\d+)>"), re.compile(r"<@&(\d+)>"), re.compile(r"<#(\d+)>")
OTHER = re.compile(r"<(?:a?:\w+:\d+|t:-?\d+(?::[A-Za-z])?|/[^<>]+:\d+|id:\w+)>")
ANGLE = re.compile(r"<((?:https?|discord)://[^\s<>]+)>")
MASKED = re.compile(
    r"\[((?:\\.|[^\[\]\\])+)\]\(\s*<?((?:https?|discord)://[^\s()<>]+)>?(?:\s+[\"'].*?[\"'])?\s*\)"
)
URL = re.compile(r"https?://[^\s<]+[^<.,:;\"'\]\s]")
PAIRED = (
    re.compile(r"\*\*((?:\\.|[^\\])+?)\*\*(?!\*)", re.DOTALL),
    re.compile(r"__((?:\\.|[^\\])+?)__(?!_)", re.DOTALL),
    re.compile(r"_((?:__|\\.|[^\\_])+?)_\b", re.DOTALL),
    re.compile(r"\*(?=\S)((?:\*\*|\\.|\s+(?:\\.|[^\s*\\]|\*\*)|[^\s*\\])+?)\*(?!\*)", re.DOTALL),
    re.compile(r"~~(.+?)~~(?!_)", re.DOTALL),
    re.compile(r"\|\|(.+?)\|\|", re.DOTALL),
)


def read(text: str, names: Mapping[int, str] | None = None) -> str:
    """Return what a reader sees; `names` are people by id. Outer white space is trimmed, as Discord does."""
    return _Reader(names or {}).read(text.strip(), fresh_line=True)


class _Reader:
    def __init__(self, names: Mapping[int, str]) -> None:
        self._names = names

    def read(self, text: str, *, fresh_line: bool) -> str:
        out: list[str] = []
        at = 0
        while at < len(text):
            starts = (fresh_line and at == 0) or (at > 0 and text[at - 1] == "\n")
            found = self._line(text, at) if starts else None
            shown, at = found or self._inline(text, at) or (text[at], at + 1)
            out.append(shown)
        return "".join(out)

    def _line(self, text: str, at: int) -> tuple[str, int] | None:
        """Try what only counts at the start of a line."""
        for pattern, shape in ((HEADING, "{}"), (SUBTEXT, "{}"), (QUOTE, "▎{}")):
            if found := pattern.match(text, at):
                return shape.format(self.read(found.group(1), fresh_line=False)), found.end()
        if found := BULLET.match(text, at):
            return f"{found.group(1)}• ", found.end()
        if found := NUMBER.match(text, at):
            # Discord counts for itself from the first number of a list.
            before = NUMBER.match(text, text.rfind("\n", 0, max(0, at - 1)) + 1) if at else None
            number = int(before.group(2)) + 1 if before else int(found.group(2))
            return f"{found.group(1)}{number}.\u2002", found.end()
        return None

    def _inline(self, text: str, at: int) -> tuple[str, int] | None:
        if found := ESCAPE.match(text, at):
            return found.group(1), found.end()
        if found := FENCE.match(text, at):
            return found.group(2), found.end()
        if found := CODE.match(text, at):
            return _trimmed(found.group(2)), found.end()
        simple: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
            (PERSON, lambda found: f"@{self._names.get(int(found.group(1)), 'unknown-user')}"),
            (ROLE, lambda found: "@role"),
            (CHANNEL, lambda found: "#channel"),
            (OTHER, lambda found: "◆"),
            (ANGLE, lambda found: found.group(1)),
            (MASKED, lambda found: f"{self.read(found.group(1), fresh_line=False)}↗"),
            (URL, lambda found: found.group()),
            *((pattern, lambda found: self.read(found.group(1), fresh_line=False)) for pattern in PAIRED),
        )
        for pattern, shape in simple:
            if found := pattern.match(text, at):
                return shape(found), found.end()
        return None


def _trimmed(code: str) -> str:
    """Take the space off that keeps a backquote of inline code from its fence."""
    return re.sub(r"^ (?= *`)|(` *) $", r"\1", code)
