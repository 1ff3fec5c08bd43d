"""Every chat adapter of the registry is held to the whole contract by a rig of its own. Effects: none.

A new platform is one line in RIGS, its rig, and a module `test_chat_<platform>.py` that runs `chat_contract.CHECKS` with it.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator, Mapping
from types import ModuleType

import pytest

from adapters import registry
from core.testing import chat_cards_contract, chat_contract, chat_network_contract
from core.testing.chat_rig import Rig
from tests.contract.chat_discord_rig import DiscordRig
from tests.contract.chat_local_rig import LocalRig
from tests.contract.chat_matrix_rig import MatrixRig
from tests.contract.chat_slack_rig import SlackRig

RIGS: Mapping[str, type[Rig]] = {
    "discord": DiscordRig,
    "local": LocalRig,
    "matrix": MatrixRig,
    "slack": SlackRig,
}


def test_no_adapter_is_without_a_rig() -> None:
    assert set(RIGS) == set(registry.CHATS)


@pytest.mark.parametrize("platform", sorted(registry.CHATS))
def test_every_rig_runs_every_check(platform: str) -> None:
    module = importlib.import_module(f"tests.contract.test_chat_{platform}")
    runs = list(_runs(module))
    assert runs
    assert {rig for rig, _ in runs} == {RIGS[platform].__name__}
    assert all(checks is chat_contract.CHECKS for _, checks in runs)


@pytest.mark.parametrize("module", [chat_contract, chat_cards_contract, chat_network_contract])
def test_no_check_is_left_out(module: ModuleType) -> None:
    named = {each for name, each in vars(module).items() if name.startswith("check_")}
    assert named
    assert named <= set(chat_contract.CHECKS)


def _runs(module: ModuleType) -> Iterator[tuple[str, object]]:
    """Yield the rig's class and the checks of every test in a module that takes checks."""
    for _, test in inspect.getmembers(module, inspect.iscoroutinefunction):
        for mark in getattr(test, "pytestmark", ()):
            if mark.name == "parametrize" and mark.args[0] == "check":
                (rig,) = [
                    kind for name, kind in inspect.get_annotations(test).items() if kind.endswith("Rig")
                ]
                yield rig, mark.args[1]
