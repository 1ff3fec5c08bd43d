"""The command line. Owns: app, main. Imports: typer, the errors; the rest when a command needs it. Effects: all of them.

Exit codes: 0 fine · 1 something failed · 2 the command line itself · 77 refused · 78 the configuration or an input · 130 Ctrl-C.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import os
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from config.errors import ConfigError
from core.errors import BadInput, LoopbridgeError, Refused

if TYPE_CHECKING:
    from config.settings import Settings

FAILED, REFUSED, CONFIG, INTERRUPTED = 1, 77, 78, 130


class Platform(StrEnum):
    """The chats that have to be set up."""

    SLACK = "slack"
    MATRIX = "matrix"
    DISCORD = "discord"


app = typer.Typer(
    name="loopbridge",
    help="Runs a team's AI work from the chat it already lives in.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def init(
    chat: Annotated[Platform | None, typer.Argument(help="Set up this chat.", show_default=False)] = None,
) -> None:
    """Make the home directory (LOOPBRIDGE_HOME, else ~/.loopbridge) and say what to do next; or set up a chat."""
    if chat is None:
        _needs("bridge.checklist").show(_settings())
        return
    settings = _settings()
    _hush()
    _perform(_needs("bridge.setups").main(settings, chat.value))


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object for programs.")] = False,
) -> None:
    """Try everything the bridge needs by doing it; say what is wrong and what mends it."""
    _hush()
    if not asyncio.run(_needs("bridge.doctor").main(os.environ, as_json=as_json)):
        raise typer.Exit(FAILED)


@app.command()
def run() -> None:
    """Run the bridge until it is stopped (Ctrl-C or SIGTERM)."""
    settings = _ready()
    _perform(_needs("bridge.daemon").run(settings))


@app.command()
def chat(
    script: Annotated[
        Path | None, typer.Option("--script", help="Act out a script instead of reading the keyboard.")
    ] = None,
    name: Annotated[str, typer.Option("--as", help="Write under this name.")] = "",
) -> None:
    """Talk in the built-in chat, with the bridge that runs in this home or one that runs for as long as you stay."""
    settings = _ready()
    _perform(_needs("bridge.terminal").main(settings, script=script, name=name))


@app.command()
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the demo's home directory behind.")] = False,
    pace: Annotated[float, typer.Option("--pace", min=0, help="Seconds to pause between steps.")] = 0.0,
) -> None:
    """Run the main job from start to end, offline: a thread, a loop, an approval, commits in the origin."""
    _perform(_needs("bridge.demo").main(keep=keep, pace=pace))


@app.command()
def rebuild() -> None:
    """Make an empty database anew from the journal: threads, loops, people, the graph."""
    settings = _ready()
    _perform(_needs("bridge.rebuilding").main(settings))


@app.command()
def export(
    what: Annotated[str, typer.Argument(help="A thread's key, a permalink into it, or a loop's id.")],
    out: Annotated[Path | None, typer.Option("--out", help="Write into this file.")] = None,
) -> None:
    """Write one thread or loop as Markdown, as far as it is journalled."""
    settings = _ready()
    _perform(_needs("bridge.exporting").main(settings, what, out))


@app.command()
def forget(
    what: Annotated[
        str,
        typer.Argument(
            help="A person's name or account; a thread's key, a permalink into it, or a loop's id."
        ),
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Forget it; without this it is only shown.")] = False,
) -> None:
    """Show what is kept of a person or a thread, and (with --yes) forget it; say what stays elsewhere and why."""
    settings = _ready()
    _perform(_needs("bridge.forgetting").main(settings, what, yes=yes))


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(f"loopbridge {_needs('importlib.metadata').version('loopbridge')}")


def main() -> None:
    """Run the command line; every failure ends in lines that say what happened and what to do, never in a stack trace."""
    try:
        code = app(standalone_mode=True)
    except SystemExit as exc:
        code = exc.code
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        # Whoever read standard output is gone; so that Python does not complain about it while it ends:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = FAILED
    except Exception as exc:  # noqa: BLE001 - the top of the program: say it in a person's words
        code = _explain(exc)
    sys.exit(code)


def _needs(name: str) -> ModuleType:
    """Import what one command needs. Raises LoopbridgeError when this installation lacks it."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as exc:
        raise LoopbridgeError(
            f"This installation is not whole: the module {exc.name} is missing.",
            remedy="Run scripts/bootstrap.",
        ) from exc


def _settings() -> Settings:
    settings: Settings = _needs("config.settings").load(None, os.environ)
    return settings


def _ready() -> Settings:
    """Return the settings of a home that exists, with logging set up."""
    settings = _settings()
    homes = _needs("bridge.home")
    homes.prepare(homes.Home(settings.home))
    _set_up_logging(settings)
    return settings


def _set_up_logging(settings: Settings) -> None:
    secrets = _needs("config.settings").secrets(settings)
    _needs("bridge.logs").configure(settings.logs.level, settings.logs.format, secrets=secrets)


def _hush() -> None:
    """Keep log lines out of a command that says everything itself."""
    _needs("bridge.logs").configure("critical", "console")


def _perform(work: Any) -> None:
    """See a command's work through; a number that it returns is the exit code."""
    code = asyncio.run(work) if inspect.iscoroutine(work) else work
    if code:
        raise typer.Exit(int(code))


def _explain(error: Exception) -> int:
    """Print what happened and what to do about it; return the exit code."""
    if os.environ.get("LOOPBRIDGE_LOGS__LEVEL") == "debug":
        importlib.import_module("traceback").print_exception(error)
    code = FAILED
    for one in _leaves(error):
        code = max(code, _code(one))
        if isinstance(one, ConfigError):
            _tell(str(one), "Mend that, then try again; docs/configuration.md lists every setting.")
        elif isinstance(one, LoopbridgeError):
            _tell(str(one), one.remedy)
        else:
            _tell(
                f"Something unforeseen: {type(one).__name__}: {one}",
                "Set LOOPBRIDGE_LOGS__LEVEL=debug to see where; `loopbridge doctor` tries what the bridge needs.",
            )
    return code


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _code(error: BaseException) -> int:
    if isinstance(error, ConfigError | BadInput):
        return CONFIG
    return REFUSED if isinstance(error, Refused) else FAILED


def _tell(what: str, remedy: str) -> None:
    for line in what.splitlines() or [""]:
        typer.echo(f"loopbridge: {line}", err=True)
    if remedy:
        typer.echo(f"  → {remedy}", err=True)
