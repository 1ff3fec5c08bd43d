"""Matrix against the contract of chat adapters, in clear and in encrypted rooms. Effects: a real homeserver, shared by the run."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from core.testing import chat_contract
from tests.contract import chat_matrix_rig
from tests.contract.chat_matrix_rig import MatrixRig
from tests.far_sides import synapse
from tests.far_sides.matrix_people import People
from tests.far_sides.synapse import Account, Synapse


@pytest.fixture(scope="session")
def homeserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Synapse]:
    base = tmp_path_factory.getbasetemp()
    with synapse.shared(
        (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "synapse"
    ) as running:
        yield running


@pytest.fixture(scope="module")
async def people(homeserver: Synapse) -> AsyncIterator[tuple[People, dict[str, Account]]]:
    async with People(homeserver.url) as people:
        yield people, await chat_matrix_rig.cast(homeserver, people)


@pytest.fixture(params=["clear", "encrypted"])
async def rig(
    request: pytest.FixtureRequest,
    homeserver: Synapse,
    people: tuple[People, dict[str, Account]],
    home: Path,
) -> AsyncIterator[MatrixRig]:
    async with MatrixRig(homeserver, *people, home, encrypted=request.param == "encrypted") as rig:
        yield rig


@pytest.mark.parametrize(
    "check", chat_contract.CHECKS, ids=lambda check: check.__name__.removeprefix("check_")
)
async def test_matrix(rig: MatrixRig, check: chat_contract.Check) -> None:
    await check(rig)
