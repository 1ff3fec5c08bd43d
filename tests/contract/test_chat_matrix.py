"""Matrix against the contract of chat adapters, in clear and in encrypted rooms. Effects: a real homeserver, shared by the run."""

from __future__ import annotations

import pytest

from core.testing import chat_contract
from tests.contract.chat_matrix_rig import MatrixRig
from tests.contract.matrix_fixtures import clear, crowd, encrypted, homeserver

__all__ = ["clear", "crowd", "encrypted", "homeserver"]
CHECKS = pytest.mark.parametrize(
    "check", chat_contract.CHECKS, ids=lambda check: check.__name__.removeprefix("check_")
)


@pytest.mark.slow
@CHECKS
async def test_in_clear(clear: MatrixRig, check: chat_contract.Check) -> None:
    await check(clear)


@CHECKS
async def test_encrypted(encrypted: MatrixRig, check: chat_contract.Check) -> None:
    await check(encrypted)
