"""A changed copy is what `dataclasses.replace` makes, and nothing else is let through."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.changing import changed
from core.testing import store_rig

LOOP = store_rig.a_loop()


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "title": st.text(),
            "turns": st.integers(),
            "tags": st.tuples(st.text()),
            "turn": st.none(),
        },
    )
)
def test_a_changed_copy_is_a_replaced_one(fields: dict[str, object]) -> None:
    before = replace(LOOP)
    assert changed(LOOP, **fields) == replace(LOOP, **fields)  # type: ignore[arg-type]
    assert before == LOOP


def test_what_is_no_field_and_what_checks_itself_is_refused() -> None:
    @dataclass(frozen=True, slots=True)
    class Checked:
        low: int
        high: int

        def __post_init__(self) -> None:
            assert self.low <= self.high

    @dataclass(frozen=True)
    class Open:
        low: int
        high: int

    with pytest.raises(TypeError, match="titel"):
        changed(LOOP, titel="x")
    for value in (Checked(1, 2), Open(1, 2), "text"):
        with pytest.raises(TypeError):
            changed(value, low=3)
