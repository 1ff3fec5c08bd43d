"""The stores against the store's checks. Owns: the SQLite rig. Imports: adapters.store, core.testing. Effects: temp files."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from adapters.store.store import SqlStore
from core.ports import Store
from core.testing import (
    store_clock_contract,
    store_contract,
    store_finding_contract,
    store_graph_contract,
    store_proposals_contract,
)
from core.testing.fakes import FakeClock


class SqliteRig:
    """A database file in a fresh folder."""

    def __init__(self, home: Path) -> None:
        self.clock = FakeClock()
        self._url = f"sqlite:///{home}/bridge.db"

    def open(self) -> AbstractAsyncContextManager[Store]:
        return SqlStore(self._url, clock=self.clock)


@pytest.mark.parametrize(
    "check",
    [
        *store_contract.CHECKS,
        *store_graph_contract.CHECKS,
        *store_finding_contract.CHECKS,
        *store_clock_contract.CHECKS,
        *store_proposals_contract.CHECKS,
    ],
    ids=lambda check: check.__name__,
)
async def test_sqlite(check: store_contract.Check, home: Path) -> None:
    await check(SqliteRig(home))
