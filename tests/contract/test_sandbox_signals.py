"""A bridge that a shell started in its background ignores SIGINT; what runs in its boxes must not."""

from __future__ import annotations

import signal

from core.testing import sandbox_contract
from core.testing.sandbox_rig import Rig
from tests.contract.test_sandbox import rig

__all__ = ["rig"]


async def test_what_the_bridge_ignores_a_box_does_not(rig: Rig) -> None:
    before = {
        number: signal.signal(number, signal.SIG_IGN)
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)
    }
    try:
        await sandbox_contract.check_signals_are_as_a_program_expects(rig)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
