"""Messages in a terminal's colours. Owns: message, record, ansi. Imports: rich, core. Effects: none.

Colour only repeats what the words and marks say already (see `render.py`). Text is put into `rich.text.Text`, never into markup.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from adapters.chat.local import render
from adapters.chat.local.clean import clean, one_line
from adapters.chat.local.records import Record, user_of
from core import message as words
from core.ids import Token

MARK_STYLES: Mapping[words.Mark, str] = {
    "done": "green",
    "running": "cyan",
    "failed": "red",
    "waiting": "yellow",
}
BUTTON_STYLES: Mapping[words.Style, str] = {"primary": "bold green", "danger": "bold red", "plain": "bold"}
_INLINE = re.compile(
    r"(?P<code>`+[^`\n]+`+)|\*\*(?=\S)(?P<bold>.+?)(?<=\S)\*\*|\[(?P<label>[^\]\n]+)\]\((?P<url>[^()\s]+)\)",
    re.DOTALL,
)

Numbers = Mapping[Token, int]


def message(
    said: words.Message, *, names: Mapping[str, str] | None = None, numbers: Numbers | None = None
) -> RenderableType:
    """Return a message to print; `numbers` gives buttons other numbers than their places."""
    parts: list[RenderableType] = []
    called = " ".join(f"@{render.called_by(user_of(who), names)}" for who in said.notify)
    if said.title or called:
        title = Text(f"{called} " if called else "", style="bold yellow")
        parts.append(title.append(clean(said.title), style="bold"))
    place = 0
    for block in said.blocks:
        parts.append(_block(block, place, numbers or {}))
        place += len(block.buttons) if isinstance(block, words.Buttons) else 0
    return Group(*parts)


def record(
    said: Record, *, me: str = "", names: Mapping[str, str] | None = None, numbers: Numbers | None = None
) -> RenderableType:
    """Return a message of the room to print, under its author's name."""
    head = Text(
        one_line(said.name), style="bold cyan" if said.body else "bold green" if said.author == me else "bold"
    )
    head.append(f"  {said.at.astimezone():%H:%M}", style="dim")
    if said.edited_at and not said.body:
        head.append("  edited", style="dim")
    if said.to:
        head.append("  only you see this", style="italic")
    if said.deleted:
        return Group(head, Padding(Text("deleted", style="dim italic"), (0, 0, 0, 2)))
    parts: list[RenderableType] = [
        message(said.body, names=names, numbers=numbers) if said.body else Text(clean(said.text))
    ]
    parts += [Text(f"[file] {one_line(file.name)} · {file.size} bytes") for file in said.files]
    if said.reactions:
        parts.append(Text(" ".join(dict.fromkeys(one_line(emoji) for emoji, _ in said.reactions))))
    return Group(head, Padding(Group(*parts), (0, 0, 0, 2)))


def ansi(shown: RenderableType, *, width: int, colour: bool = True) -> list[str]:
    """Return what is printed at a width, line by line, with colour as escape sequences of this module's own."""
    console = Console(
        file=io.StringIO(),
        width=max(10, width),
        force_terminal=colour,
        color_system="standard" if colour else None,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
        _environ={},
    )
    with console.capture() as capture:
        console.print(shown)
    return capture.get().rstrip("\n").split("\n")


def inline(text: str) -> Text:
    """Return the small Markdown as styled text; a link shows its address."""
    text = clean(text)
    out = Text()
    end = 0
    for found in _INLINE.finditer(text):
        out.append(text[end : found.start()])
        if found["code"]:
            out.append(found["code"].strip("`"), style="cyan")
        elif found["bold"]:
            out.append(found["bold"], style="bold")
        else:
            out.append(found["label"], style="underline").append(f" ({found['url']})", style="dim")
        end = found.end()
    return out.append(text[end:])


def _block(block: words.Block, place: int, numbers: Numbers) -> RenderableType:
    match block:
        case words.Text():
            return inline(block.text)
        case words.Code():
            return Padding(_code(block), (0, 0, 0, 4))
        case words.Checklist():
            return Group(*(_step(item) for item in block.items))
        case words.Fields():
            return Group(
                *(
                    Text(f"{one_line(label)}: ", style="dim").append(clean(value), style="not dim")
                    for label, value in block.pairs
                )
            )
        case words.Buttons():
            row = Text()
            for number, button in enumerate(block.buttons, place + 1):
                row.append("  " if row else "")
                row.append(
                    f"[{numbers.get(button.token, number)}] {one_line(button.label)}",
                    BUTTON_STYLES[button.style],
                )
            return row
        case words.Attachment():
            return Text(f"[file] {render.weight(block)}")


def _step(item: words.Item) -> Text:
    line = render.step(item.text, item.mark)
    return Text(line[:1], style=MARK_STYLES[item.mark]).append(line[1:])


def _code(block: words.Code) -> Text:
    out = Text()
    for number, line in enumerate(clean(block.text).rstrip("\n").split("\n")):
        style = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "") if block.language == "diff" else ""
        out.append("\n" if number else "").append(line, style=style or "default")
    return out
