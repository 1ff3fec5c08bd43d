"""What tokens cost. Owns: Price, PRICES, lookup. Imports: dataclasses. Effects: none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

DEFAULT = "*"
SEARCH_USD = 0.01  # one server-side web search


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Dollars per million tokens. Cache rates left out follow the usual shares of `input`."""

    input: float
    output: float
    cache_read: float | None = None  # a tenth of input
    cache_write: float | None = None  # 1.25 times input, kept five minutes
    cache_write_hour: float | None = None  # twice input, kept an hour
    fast: float = 2.0  # what fast mode multiplies everything by
    long_over: int | None = None  # prompts of more tokens than this pay `long_times` as much
    long_times: float = 1.0


# As listed on platform.claude.com/docs/en/about-claude/pricing in November 2026. The longest prefix of the model's name wins;
# a name that no prefix fits pays DEFAULT. Settings replace or add entries, for other models, contracts and newer lists.
PRICES: Mapping[str, Price] = {
    "claude-fable": Price(input=10, output=50),
    "claude-fable-5-1": Price(input=10, output=50, cache_read=0.25),
    "claude-mythos": Price(input=10, output=50),
    "claude-mythos-5-1": Price(input=10, output=50, cache_read=0.25),
    "claude-opus": Price(input=5, output=25),
    "claude-opus-5-5": Price(input=4, output=20, cache_read=0.20),
    "claude-opus-4-7": Price(input=5, output=25, fast=6),
    "claude-opus-4-6": Price(input=5, output=25, fast=6),
    "claude-opus-4-1": Price(input=15, output=75),
    "claude-opus-4-0": Price(input=15, output=75),
    "claude-opus-4-2025": Price(input=15, output=75),
    "claude-3-opus": Price(input=15, output=75),
    "claude-sonnet": Price(input=3, output=15),
    "claude-sonnet-5": Price(input=2, output=10),
    "claude-sonnet-5-5": Price(input=2, output=10, cache_read=0.10),
    "claude-3": Price(input=3, output=15),
    "claude-haiku": Price(input=1, output=5),
    "claude-haiku-5-5": Price(input=0.10, output=0.50, long_over=100_000, long_times=5),
    "claude-3-5-haiku": Price(input=0.80, output=4),
    DEFAULT: Price(input=5, output=25),
}


def lookup(model: str, prices: Mapping[str, Price]) -> Price:
    """Return the price of a model by the longest prefix that fits; a provider's own prefix before the name is ignored."""
    start = model.find("claude")
    name = model[start:] if start > 0 else model
    fits = [prefix for prefix in prices if prefix != DEFAULT and name.startswith(prefix)]
    return prices[max(fits, key=len, default=DEFAULT)]
