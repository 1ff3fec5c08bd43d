"""What the bridge says, free of any platform. Owns: Message and its blocks, Caps, split. Imports: dataclasses. Effects: none.

A `Message` is a tuple of blocks. Inline text uses a small Markdown (`**bold**`, `` `code` ``, `[label](url)`), which each
platform's `render.py` turns into its own form. People are mentioned only through `Mention` in `Message.notify`: agent text
never pings anyone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from core.ids import IdentityKey, Token

Style = Literal["primary", "danger", "plain"]
Mark = Literal["done", "running", "failed", "waiting"]
State = Literal["", "working", "waiting", "idle", "failed", "over"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A paragraph or several, in the small Markdown."""

    text: str
    kind: Literal["text"] = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """Preformatted text; `language` is a hint such as "python" or "diff"."""

    text: str
    language: str = ""
    kind: Literal["code"] = "code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line of a checklist."""

    text: str
    mark: Mark = "done"


def ending(said: str, mark: Mark) -> str:
    """Return what a checklist's line ends with after `said`: the mark in a word, where the text does not say how it went."""
    word = mark if mark in ("failed", "waiting") else ""
    return f" ({word})" if word and word not in said.lower() and not said.endswith(")") else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checklist:
    """Steps, oldest first."""

    items: tuple[Item, ...]
    kind: Literal["checklist"] = "checklist"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """Short pairs of label and value."""

    pairs: tuple[tuple[str, str], ...]
    kind: Literal["fields"] = "fields"


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """Something a person can press. `token` is opaque; what it means is known to the bridge alone."""

    label: str
    token: Token
    style: Style = "plain"
    wants_text: str = ""  # a question to answer in a form before the press counts, e.g. "Why not?"
    draft: str = ""  # what that form holds at first


@dataclass(frozen=True, slots=True, kw_only=True)
class Buttons:
    """A row of buttons. With a `question` they are its answers, all but those that want a text: some platforms have polls for that.

    `ask` is the handle of the ask they answer, for platforms that tell what to type: read from the text it could be the agent's word.
    """

    buttons: tuple[Button, ...]
    question: str = ""
    ask: str = ""
    kind: Literal["buttons"] = "buttons"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file to share: text content, with a name people see."""

    name: str
    content: str
    kind: Literal["attachment"] = "attachment"


Block = Text | Code | Checklist | Fields | Buttons | Attachment


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One logical post. `title` is its first line; `notify` are the people it calls by mention.

    `state` is what a loop's card says of its loop, for platforms that show that of a thread; every other message has none.
    """

    blocks: tuple[Block, ...] = ()
    title: str = ""
    notify: tuple[IdentityKey, ...] = ()
    state: State = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """What a platform can do, as data."""

    edit: bool = True
    buttons: Literal["native", "reactions", "numbered"] = "native"
    forms: bool = True
    ephemeral: bool = True
    reactions: bool = True
    files: bool = True
    threads: bool = True
    history: bool = True
    remote: bool = True  # reached over a network, which can fail
    max_chars: int = 3900
    edit_every: float = 3.0  # seconds between two edits of one message
    extra: frozenset[str] = field(default_factory=frozenset)


def text(words: str) -> Message:
    """Return a message of one paragraph."""
    return Message(blocks=(Text(text=words),))
