"""A bridge ignores and blocks what its starter did; what runs in its boxes must not."""

from __future__ import annotations

import signal

from core.testing import sandbox_contract
from core.testing.sandbox_rig import Rig
from tests.contract.test_sandbox import rig

__all__ = ["rig"]


async def test_what_the_bridge_ignores_or_blocks_a_box_does_not(rig: Rig) -> None:
    before = {
        number: signal.signal(number, signal.SIG_IGN)
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)
    }
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGUSR1))
    try:
        await sandbox_contract.check_signals_are_as_a_program_expects(rig)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        for number, handler in before.items():
            signal.signal(number, handler)
