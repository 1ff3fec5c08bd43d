"""The terminal chat. Owns: Terminal, run. Imports: prompt_toolkit, core. Effects: takes over the screen, talks to the room's socket.

What is shown and what a line means is decided in `view.py` and `paint.py`; here are the screen, the keys and the line.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from prompt_toolkit.application import Application
from prompt_toolkit.filters import Condition
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import Output

from adapters.chat.local import view
from adapters.chat.local.clean import one_line
from adapters.chat.local.client import Client
from adapters.chat.local.records import Record
from adapters.chat.local.screen import Screen
from core.errors import LoopbridgeError

MOST = 2000  # messages of a thread that are fetched to be looked at


class Terminal:
    """One person's screen."""

    def __init__(
        self,
        socket: Path,
        client: Client,
        *,
        subcommands: Sequence[tuple[str, str]] = (),
        may_become: bool = False,
        colour: bool = True,
        source: Input | None = None,
        screen: Output | None = None,
    ) -> None:
        self.screen = Screen(client, subcommands=subcommands, may_become=may_become, colour=colour)
        self.view = self.screen.view
        self.buffer = self.screen.buffer
        self._socket = socket
        self._work: asyncio.Queue[str] = asyncio.Queue()
        self._stale = asyncio.Event()
        self.app: Application[None] = Application(
            layout=self.screen.layout(),
            key_bindings=_keys(self),
            full_screen=True,
            mouse_support=False,
            input=source,
            output=screen,
        )
        # Esc is a key of its own here: what is typed right after it must not be taken for an Alt-combination.
        self.app.ttimeoutlen = 0.05
        self.app.timeoutlen = 0.15

    @property
    def client(self) -> Client:
        """The line to the room, as whoever one is now."""
        return self.screen.client

    async def run(self) -> None:
        """Show the chat until its person leaves."""
        self._look_through(self.client)
        self._stale.set()
        tasks = [asyncio.create_task(self._carry_out()), asyncio.create_task(self._keep_list())]
        try:
            await self.app.run_async(handle_sigint=False)
        except EOFError:
            pass  # the terminal went away: that is leaving, too
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.client.aclose()

    # ── keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def enter(self, event: KeyPressEvent) -> None:
        """Take the completion that is chosen, or the line."""
        state = self.buffer.complete_state
        if state is not None and state.current_completion is not None:
            self.buffer.complete_state = None
            return
        line = self.buffer.text
        self.buffer.reset()
        self.view.help = False
        if line.strip() or self.view.form:
            self._work.put_nowait(line)

    def scroll(self, event: KeyPressEvent, way: int) -> None:
        """Move half a screen up (1) or down (-1)."""
        self.view.back = max(0, self.view.back + way * max(1, event.app.output.get_size().rows // 2))

    def step_back(self) -> None:
        """Leave the form, the help or the thread, whichever is innermost."""
        if self.view.form:
            self._end_form("Not pressed.")
        elif self.view.help:
            self.view.help = False
        elif self.view.thread:
            self._show_list()
        else:
            self.view.notice = "Ctrl-D or /quit leaves."

    # ── what a line does ─────────────────────────────────────────────────────────────────────────────────────────────

    async def _carry_out(self) -> None:
        while True:
            line = await self._work.get()
            try:
                await self._take(line)
            except LoopbridgeError as error:
                self.view.notice = f"{error} {error.remedy}".strip()
                # What was typed is not to be typed again.
                if not self.buffer.text and not line.startswith("/"):
                    self.buffer.insert_text(line)
            self.app.invalidate()

    async def _take(self, line: str) -> None:
        self.view.notice = ""
        self.view.back = 0
        if self.view.form:
            await self._fill(self.view.form, line.strip())
            return
        await self._do(view.understand(line, self.view, self.screen.records))

    async def _do(self, intent: view.Intent) -> None:
        match intent:
            case view.Say():
                posted = await self.client.post(
                    intent.text, channel=self.view.channel, thread=self.view.thread
                )
                self.view.thread = self.view.thread or posted
            case view.Press():
                await self._press(intent)
            case view.Open():
                await self._open(intent.thread)
            case view.Fresh():
                self.view.thread, self.view.channel = 0, intent.channel or self.view.channel
                self.view.notice = f"What you write next opens a thread in {self.view.channel}."
            case view.Become():
                await self._become(intent.user)
            case view.Plain():
                self._go(intent.what)
            case view.Complaint():
                self.view.notice = intent.text

    def _go(self, where: str) -> None:
        match where:
            case "threads":
                self._show_list()
            case "help":
                self.view.help = True
            case _:
                self.app.exit()

    async def _press(self, press: view.Press) -> None:
        if press.button.wants_text:
            self.view.form = press
            self.view.notice = "Enter sends it, Esc leaves it."
            self.buffer.insert_text(press.button.draft)
            return
        await self.client.press(press.message, press.button)
        self.view.notice = f"Pressed: {one_line(press.button.label)}"

    async def _fill(self, form: view.Press, text: str) -> None:
        if not text:
            self._end_form("Not pressed: it needs an answer.")
            return
        await self.client.press(form.message, form.button, text=text)
        self._end_form(f"Pressed: {one_line(form.button.label)}")

    def _end_form(self, notice: str) -> None:
        self.view.form = None
        self.buffer.reset()
        self.view.notice = notice

    async def _open(self, thread: int) -> None:
        about = next((each for each in await self.client.threads(1000) if each.root == thread), None)
        if about is None:
            self.view.notice = f"There is no thread {thread}."
            return
        await self.client.read(thread, channel=about.channel, limit=MOST)
        self.view.thread, self.view.channel = thread, about.channel
        self.view.unread.discard(thread)

    def _show_list(self) -> None:
        self.view.thread, self.view.back = 0, 0
        self._stale.set()

    async def _become(self, user: str) -> None:
        if not self.screen.may_become:
            self.view.notice = "Here you are who you are."
            return
        other = await Client(self._socket, user.lower(), name=user).__aenter__()
        old, self.screen.client = self.client, other
        self._look_through(other)
        await old.aclose()
        self.view.notice = f"You are {one_line(user)} now."

    # ── what happens meanwhile ───────────────────────────────────────────────────────────────────────────────────────

    def _look_through(self, client: Client) -> None:
        def watch(kind: str, record: Record | None, text: str) -> None:
            if client is not self.client:
                return
            if record is None:
                self.view.notice = one_line(text)
            elif kind == "new" and record.author != client.user:
                if record.root != self.view.thread:
                    self.view.unread.add(record.root)
                if client.is_called(record):
                    self.app.output.bell()
            self._stale.set()
            self.app.invalidate()

        client.watch = watch

    async def _keep_list(self) -> None:
        """Fetch the list of threads whenever it may have changed, at most a few times a second."""
        while True:
            await self._stale.wait()
            self._stale.clear()
            try:
                self.view.headings = await self.client.threads()
            except LoopbridgeError as error:
                self.view.notice = str(error)
            self.app.invalidate()
            await asyncio.sleep(0.2)


def _keys(terminal: Terminal) -> KeyBindings:
    keys = KeyBindings()
    buffer = terminal.buffer
    empty = Condition(lambda: not buffer.text)
    choosing = Condition(lambda: buffer.complete_state is not None)
    keys.add("enter")(terminal.enter)
    keys.add("escape", "enter")(lambda event: buffer.insert_text("\n"))
    keys.add("escape", filter=~choosing)(lambda event: terminal.step_back())
    keys.add("c-c")(lambda event: terminal.step_back() if not buffer.text else buffer.reset())
    keys.add("c-d", filter=empty)(lambda event: event.app.exit())
    keys.add("<sigint>")(lambda event: event.app.exit())
    keys.add("pageup")(lambda event: terminal.scroll(event, 1))
    keys.add("pagedown")(lambda event: terminal.scroll(event, -1))
    return keys


def attended() -> bool:
    """Return whether a person can sit here, standard input and output being a terminal; say so when not."""
    if sys.stdin.isatty() and sys.stdout.isatty():
        return True
    sys.stderr.write(
        "The chat needs a terminal; `loopbridge chat --script FILE` plays a script without one.\n"
    )
    return False


async def run(
    socket: Path,
    user: str,
    *,
    name: str = "",
    subcommands: Sequence[tuple[str, str]] = (),
    may_become: bool = False,
    colour: bool = True,
) -> int:
    """Chat in this terminal until its person leaves; return an exit code. Raises Unavailable when no bridge answers.

    `subcommands` are the words after /loop with their help. Raises BadInput when `user` cannot be a name.
    """
    if not attended():
        return 2
    async with Client(socket, user, name=name) as client:
        await Terminal(socket, client, subcommands=subcommands, may_become=may_become, colour=colour).run()
    return 0
