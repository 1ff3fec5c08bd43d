"""The screen of the terminal chat. Owns: Screen. Imports: prompt_toolkit, core. Effects: none of its own; prompt_toolkit draws it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from prompt_toolkit.application import get_app
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import ANSI, StyleAndTextTuples, to_formatted_text
from prompt_toolkit.layout import (
    BufferControl,
    Dimension,
    Float,
    FloatContainer,
    FormattedTextControl,
    HSplit,
    Layout,
    UIContent,
    UIControl,
    Window,
)
from prompt_toolkit.layout.menus import CompletionsMenu
from prompt_toolkit.layout.processors import BeforeInput

from adapters.chat.local import paint, view
from adapters.chat.local.clean import clip, one_line
from adapters.chat.local.client import Client
from adapters.chat.local.records import Record

INPUT_LINES = 6
Lines = list[StyleAndTextTuples]


class Screen:
    """What one person sees: a title, the list or a thread, a notice, and the line they type."""

    def __init__(
        self, client: Client, *, subcommands: Sequence[tuple[str, str]], may_become: bool, colour: bool
    ) -> None:
        self.client = client
        self.view = view.View()
        self.buffer = Buffer(completer=_Completions(self), complete_while_typing=True, multiline=True)
        self.subcommands = subcommands
        self.may_become = may_become
        self._colour = colour
        # What was drawn of a message, and of which state of it.
        self._painted: dict[int, tuple[tuple[object, ...], Lines]] = {}

    @property
    def records(self) -> list[Record]:
        """The messages of the open thread."""
        return self.client.messages(self.view.thread) if self.view.thread else []

    def lines(self, width: int, enough: int = sys.maxsize) -> Lines:
        """Return what there is to see above the input, line by line: the newest `enough` lines at least.

        Older messages are not drawn before somebody scrolls up to them, so that a long thread opens at once.
        """
        if self.view.help:
            return [[("", line)] for line in view.help_lines(width, may_become=self.may_become)]
        if not self.view.thread:
            return [[("bold" if line[:1] == "*" else "", line)] for line in self.view.listing(width)]
        records = self.records
        numbers = self.view.numbers(self.view.thread, records)
        drawn: list[Lines] = []
        count = 0
        for record in reversed(records):
            drawn.append(self._paint(record, width, numbers))
            count += len(drawn[-1]) + 1
            if count > enough:
                break
        lines = [line for part in reversed(drawn) for line in (*part, [])]
        return lines[:-1] or [[("", "An empty thread. What you write opens it.")]]

    def _paint(self, record: Record, width: int, numbers: paint.Numbers) -> Lines:
        state = (record.rev, width, self.client.user, len(self.client.names))
        painted = self._painted.get(record.id)
        if painted is None or painted[0] != state:
            shown = paint.record(record, me=self.client.user, names=self.client.names, numbers=numbers)
            drawn = paint.ansi(shown, width=width, colour=self._colour)
            painted = (state, [to_formatted_text(ANSI(line)) for line in drawn])
            self._painted[record.id] = painted
        return painted[1]

    def layout(self) -> Layout:
        """Return the arrangement, with the cursor in the input."""

        def title() -> StyleAndTextTuples:
            width = get_app().output.get_size().columns
            state = "" if self.client.connected else " · the bridge is away"
            line = clip(f" {one_line(self.client.name)}{state} · {self.view.title()}", width)
            return [("reverse", f"{line:<{width}}")]

        def notice() -> StyleAndTextTuples:
            width = get_app().output.get_size().columns
            return [("italic", clip(self.view.notice or "/help · Ctrl-D leaves", width))]

        def prompt() -> StyleAndTextTuples:
            asked = self.view.form.button.wants_text if self.view.form else ""
            return [("bold", f"{clip(one_line(asked), 40)} › " if asked else "› ")]

        body = HSplit(
            [
                Window(FormattedTextControl(title), height=1),
                Window(_Body(self), wrap_lines=False),
                Window(FormattedTextControl(notice), height=1),
                Window(
                    BufferControl(self.buffer, input_processors=[BeforeInput(prompt)]),
                    height=Dimension(min=1, max=INPUT_LINES),
                    wrap_lines=True,
                    dont_extend_height=True,
                ),
            ]
        )
        menu = Float(xcursor=True, ycursor=True, content=CompletionsMenu(max_height=8, scroll_offset=1))
        return Layout(FloatContainer(body, floats=[menu]))


class _Body(UIControl):
    """The part of the lines that fits, the newest at the bottom."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def create_content(self, width: int, height: int) -> UIContent:
        shown = self._screen.view
        lines = self._screen.lines(width, height + shown.back)
        shown.back = max(0, min(shown.back, len(lines) - height))
        end = len(lines) - shown.back
        part = lines[max(0, end - height) : end]
        return UIContent(get_line=lambda number: part[number], line_count=len(part), show_cursor=False)


class _Completions(Completer):
    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        screen = self._screen
        found = view.complete(
            document.text_before_cursor,
            subcommands=screen.subcommands,
            people={user: one_line(name) for user, name in screen.client.names.items()},
        )
        for text, replaced, about in found:
            yield Completion(text, start_position=-replaced, display_meta=about)
