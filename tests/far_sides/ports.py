"""Ports for what is bound later by somebody else. Owns: quiet. Imports: the standard library. Effects: binds for a moment."""

from __future__ import annotations

import random
import socket

BELOW = (20_000, 32_000)  # the kernel picks from 32768 on, for listeners and for connections alike


def quiet() -> int:
    """Return a port of 127.0.0.1 that is free, and that nobody is given by chance until it is bound."""
    while True:
        port = random.SystemRandom().randrange(*BELOW)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
