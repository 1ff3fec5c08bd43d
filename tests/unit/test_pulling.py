"""What a new loop begins with: the branch that was asked for, and what is said when there is none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from bridge.pulling import pull
from core.errors import BadInput
from core.ports import Git
from core.testing.fake_layers import FakeLayers
from tests.unit.story import Story


class OneBranch:
    """A repository with a branch `main` alone."""

    async def sync(self, repo: str, *, fetch: bool = True) -> str:
        return "a" * 40

    async def resolve(self, repo: str, branch: str) -> str:
        raise BadInput(f"“{repo}” has no branch “{branch}”.", remedy="Did you mean “main”?")


async def test_a_branch_that_is_not_there_says_how_to_begin_again() -> None:
    loop = replace(Story().started().loop, branch_from="nope", personal=None)
    layers: Any = FakeLayers()
    with pytest.raises(BadInput) as told:
        await pull(loop, cast(Git, OneBranch()), layers)
    assert str(told.value) == "“app” has no branch “nope”."
    assert told.value.remedy.startswith("Did you mean “main”? End this loop with `/loop done`")
    assert "--branch" in told.value.remedy
