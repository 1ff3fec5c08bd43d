"""What `doctor` asks of the sandbox. Owns: findings. Imports: core. Effects: starts boxes."""

from __future__ import annotations

from collections.abc import Sequence

from core import ports


async def findings(sandbox: ports.Sandbox) -> Sequence[ports.Finding]:
    """Try each thing the bridge needs of a sandbox here, by doing it."""
    return ()
