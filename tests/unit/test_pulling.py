"""What a new loop begins with: the branch that was asked for, and what is said when there is none."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import pytest

from bridge.pulling import pull
from core.errors import BadInput
from core.ids import MemberId
from core.ports import Git
from core.testing.fake_layers import FakeLayers
from tests.unit.story import Story


class OneBranch:
    """A repository with a branch `main` alone."""

    async def sync(self, repo: str, *, fetch: bool = True) -> str:
        return "a" * 40

    async def resolve(self, repo: str, branch: str) -> str:
        raise BadInput(f"“{repo}” has no branch “{branch}”.", remedy="Did you mean “main”?")


class Hanging:
    """A repository that does not answer before it is left."""

    def __init__(self) -> None:
        self.left = False

    async def sync(self, repo: str, *, fetch: bool = True) -> str:
        try:
            await asyncio.Event().wait()
        finally:
            self.left = True
        raise AssertionError


class Broken(FakeLayers):
    async def texts(self, layer: str, folder: str = "") -> Mapping[str, str]:
        await asyncio.sleep(0)
        raise BadInput("It cannot be read.", remedy="Mend it.")


async def test_what_fails_leaves_no_look_at_the_code_behind() -> None:
    loop, code = replace(Story().started().loop, personal=MemberId("maya")), Hanging()
    with pytest.raises(BadInput):
        await pull(loop, cast(Git, code), cast(Any, Broken()))
    assert code.left


async def test_a_branch_that_is_not_there_says_how_to_begin_again() -> None:
    loop = replace(Story().started().loop, branch_from="nope", personal=None)
    layers: Any = FakeLayers()
    with pytest.raises(BadInput) as told:
        await pull(loop, cast(Git, OneBranch()), layers)
    assert str(told.value) == "“app” has no branch “nope”."
    assert told.value.remedy.startswith("Did you mean “main”? End this loop with `/loop done`")
    assert "--branch" in told.value.remedy
