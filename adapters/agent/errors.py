"""The SDK's errors → ours. Owns: gone. Imports: claude_agent_sdk, adapters.agent.faults. Effects: none."""

from __future__ import annotations

import signal

import claude_agent_sdk as sdk

from adapters.agent import plain
from adapters.agent.faults import AGAIN, ASK_ADMIN, LIMIT, Gone

NEVER_BEGAN = (125, 126, 127)  # exit codes of the launcher and of a shell: there is nothing to try again yet
NO_SESSION = "No conversation found"


def gone(exc: Exception, stderr: str = "") -> Gone:
    """Translate whatever the SDK raised. `stderr` is the last line the process wrote there, untrusted."""
    match exc:
        case Gone():
            return exc
        case sdk.ResultError() if NO_SESSION in str(exc):
            return Gone(
                "The agent's session cannot be found any more.",
                remedy="Press Retry: the agent starts afresh from the loop's context and files.",
                lost=True,
            )
        case sdk.CLINotFoundError():
            return Gone("The loop's launcher is missing.", remedy=ASK_ADMIN)
        case sdk.ProcessError(exit_code=int(code)):
            remedy = ASK_ADMIN if code in NEVER_BEGAN else AGAIN
            return Gone(f"The agent's process {_ended(code)}{_saying(stderr)}", remedy=remedy)
        case sdk.CLIConnectionError():
            return Gone(
                f"The agent's process could not be reached: {plain.short(str(exc), LIMIT)}", remedy=ASK_ADMIN
            )
        case (
            sdk.CLIJSONDecodeError()
            | sdk.ClaudeSDKError()
            | ValueError()
            | TypeError()
            | KeyError()
            | RecursionError()
        ):
            return Gone("The agent's process sent something that is not its protocol, and was ended.")
    return Gone(
        f"The agent's process failed: {plain.short(str(exc) or type(exc).__name__, LIMIT)}", remedy=ASK_ADMIN
    )


def _ended(code: int) -> str:
    """Return how a process ended. A shell or a box reports a signal as 128 + its number."""
    number = -code if code < 0 else code - 128
    try:
        return f"was killed ({signal.Signals(number).name})"
    except ValueError:
        return f"ended with exit code {code}"


def _saying(stderr: str) -> str:
    line = plain.short(stderr, LIMIT)
    return f": “{line}”" if line else "."
