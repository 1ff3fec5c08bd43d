"""Which words of a text say what it is about. Owns: words, query. Imports: re. Effects: none."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

MOST = 14  # words that a search is given
# Words that say nothing of what a text is about.
COMMON = frozenset(
    re.findall(
        r"\w+",
        """
        a about after again all also am an and any are as at be because been before being both but by can could did do does doing done
        down each for from get got had has have having he her here him his how i if in into is it its just let like make me more most
        my need no nor not now of off on once one only or other our out over own please put same see she should so some still such
        take than that the their them then there these they this those through to too under until up us use very want was way we were
        what when where which while who why will with would yes you your loop start repo
        """,
    )
)


def words(text: str) -> list[str]:
    """Return the words of a text that carry meaning, in lower case and in their order, repeated ones too."""
    found = re.findall(r"[^\W_]+", text.lower())
    return [word for word in found if len(word) > 2 and word not in COMMON and len(word) <= 40]


def query(task: str, said: Iterable[str], more: Sequence[str] = ()) -> str:
    """Return what to look for on behalf of a task: its own words first, then what its thread says most, then `more`."""
    chosen = list(dict.fromkeys(words(task)))[: MOST - 4]
    counted = Counter(word for text in said for word in set(words(text)))
    often = sorted(counted, key=lambda word: (-counted[word], word))
    return " ".join(list(dict.fromkeys([*chosen, *more, *often]))[:MOST])
