"""What the tests on a real homeserver share. Owns: fixtures; import them into the module that uses them. Effects: one Synapse a run."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.contract import chat_matrix_rig
from tests.contract.chat_matrix_rig import MatrixRig
from tests.far_sides import synapse
from tests.far_sides.matrix_people import People
from tests.far_sides.synapse import Account, Synapse

Crowd = tuple[People, dict[str, Account]]


@pytest.fixture(scope="session")
def homeserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Synapse]:
    """Return the run's homeserver; with several workers they share it."""
    base = tmp_path_factory.getbasetemp()
    with synapse.shared(
        (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "synapse"
    ) as running:
        yield running


@pytest.fixture(scope="module")
async def crowd(homeserver: Synapse) -> AsyncIterator[Crowd]:
    """Return people who are logged in, and their accounts."""
    async with People(homeserver.url) as people:
        yield people, await chat_matrix_rig.cast(homeserver, people)


@pytest.fixture
async def clear(homeserver: Synapse, crowd: Crowd, home: Path) -> AsyncIterator[MatrixRig]:
    """Return a rig in a room without encryption."""
    async with MatrixRig(homeserver, *crowd, home, encrypted=False) as rig:
        yield rig


@pytest.fixture
async def encrypted(homeserver: Synapse, crowd: Crowd, home: Path) -> AsyncIterator[MatrixRig]:
    """Return a rig in an encrypted room."""
    async with MatrixRig(homeserver, *crowd, home, encrypted=True) as rig:
        yield rig
