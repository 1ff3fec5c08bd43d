"""What matters now, as a view. Owns: Board, derive, pins and the inbox as text, who may read a title. Imports: core. Effects: none.

Nothing of it is kept: pins are lines of `focus.md` in the notes, all the rest follows from the loops as they are. What nobody touched
for eight days fades from the view, and comes back by itself when somebody does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core import wording
from core.asks import Ask
from core.audience import Sight
from core.errors import BadInput
from core.ids import LoopId, MemberId, ThreadKey
from core.loop import Loop
from core.people import Member, People

PAGE, INBOX = "focus.md", "inbox.md"
FADES_AFTER = timedelta(days=8)
MOST_PINS, MOST_TAGS = 9, 8
LONGEST_PIN, LONGEST_TAG = 200, 30
INBOX_SHOWN = 5
OPEN = "open"  # what the node of a thread says of its room when every member may enter it
_ITEM = re.compile(r"^\s{0,3}[-*+]\s+(?:\[[ xX]\]\s+)?(\S.*)$")
_TAG = re.compile(r"[^\W_][\w-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A loop as one reader may see it. `titled` is False when it works where they cannot read."""

    loop: Loop
    titled: bool = True
    asks: tuple[Ask, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """The view. Every live loop that has not faded stands in one place, or under each of its tags."""

    pinned: tuple[str, ...] = ()
    active: tuple[tuple[str, tuple[Seen, ...]], ...] = ()  # (tag, its loops), the last active tag first
    ready: tuple[Seen, ...] = ()
    waiting: tuple[Seen, ...] = ()
    untagged: tuple[Seen, ...] = ()
    faded: int = 0
    inbox: tuple[str, ...] = ()
    unread: int = 0  # lines of the inbox past those shown


def derive(
    loops: Sequence[Loop],
    *,
    at: datetime,
    reads: Callable[[Loop], bool],
    asks: Mapping[LoopId, Sequence[Ask]],
    page: str = "",
    inbox: str = "",
) -> Board:
    """Return the board that one reader sees; `reads` says which loops' threads they may read."""
    live = [loop for loop in loops if loop.live]
    fresh = [loop for loop in live if at - loop.updated_at < FADES_AFTER]
    seen = [_seen(loop, reads(loop), asks.get(loop.id, ())) for loop in _newest_first(fresh)]
    ready = tuple(each for each in seen if each.loop.status == "rfd")
    waiting = tuple(each for each in seen if each.loop.status == "waiting")
    rest = [each for each in seen if each.loop.status not in ("rfd", "waiting")]
    tags = dict.fromkeys(tag for each in rest if each.titled for tag in each.loop.tags)
    lines = items(inbox)
    return Board(
        pinned=items(page),
        active=tuple(
            (tag, tuple(each for each in rest if each.titled and tag in each.loop.tags)) for tag in tags
        ),
        ready=ready,
        waiting=waiting,
        untagged=tuple(each for each in rest if not (each.titled and each.loop.tags)),
        faded=len(live) - len(fresh),
        inbox=lines[:INBOX_SHOWN],
        unread=max(0, len(lines) - INBOX_SHOWN),
    )


def _newest_first(loops: Sequence[Loop]) -> list[Loop]:
    return sorted(loops, key=lambda loop: (loop.updated_at, loop.id), reverse=True)


def _seen(loop: Loop, titled: bool, asks: Sequence[Ask]) -> Seen:
    return Seen(loop=loop, titled=titled, asks=tuple(ask for ask in asks if ask.open))


# ── who may read ─────────────────────────────────────────────────────────────────────────────────────────────────────


def reader(
    rooms: Mapping[ThreadKey, str],
    people: People,
    *,
    member: Member | None = None,
    here: ThreadKey | None = None,
    unknown: bool = False,
) -> Callable[[Loop], bool]:
    """Return who may read what a loop's thread says: everybody where every member may enter, else its driver, and whoever is in it.

    `rooms` are what the threads' nodes say; where they say nothing, `unknown` counts, and with it being in the same channel is enough.
    `member` is the reader; all who read along in the thread `here` are the readers when there is none.
    """
    sight = Sight(thread=here) if here else None

    def reads(loop: Loop) -> bool:
        room = rooms.get(loop.thread)
        if room == OPEN or (unknown and not room):
            return True
        if sight is not None and (sight.sees(loop.thread) or here in loop.followers):
            return True
        if unknown and here is not None and here.rpartition("/")[0] == loop.thread.rpartition("/")[0]:
            return True
        return member is not None and driver(loop, people) == member.id

    return reads


def driver(loop: Loop, people: People) -> MemberId:
    """Return whom the account that drives a loop belongs to now."""
    return people.behind(loop.driver_identity, loop.driver)


# ── pages of the notes ───────────────────────────────────────────────────────────────────────────────────────────────


def items(page: str) -> tuple[str, ...]:
    """Return the list items of a page, each as one line of untrusted text."""
    found = (_ITEM.match(line) for line in page.splitlines())
    return tuple(wording.line(match.group(1), LONGEST_PIN) for match in found if match)


def added(page: str, words: str, title: str) -> str:
    """Return the page with a line more; people's own words on it stay. Raises BadInput for no words."""
    line = wording.line(words, LONGEST_PIN)
    if not line:
        raise BadInput("That line is empty.", remedy="Write what it should say behind the command.")
    body = page.rstrip() or f"# {title}"
    gap = "\n" if _ITEM.match(body.splitlines()[-1]) else "\n\n"
    return f"{body}{gap}- {line}\n"


def pinned(page: str, words: str) -> str:
    """Return the page with one pin more. Raises BadInput when it is there already or there are enough."""
    there = items(page)
    if wording.line(words, LONGEST_PIN).casefold() in [line.casefold() for line in there]:
        raise BadInput("That is pinned already.", remedy="`/loop focus` shows the pins.")
    if len(there) >= MOST_PINS:
        raise BadInput(
            f"{MOST_PINS} things are pinned; more would be no focus.",
            remedy="`/loop focus unpin 1` makes room.",
        )
    return added(page, words, "Focus")


def unpinned(page: str, number: int) -> tuple[str, str]:
    """Return the page without its pin number `number` (from 1), and what that said. Raises BadInput when there is none."""
    there = items(page)
    if not 1 <= number <= len(there):
        raise BadInput(
            f"There is no pin {number}.",
            remedy=f"{wording.count(len(there), 'thing')} pinned: `/loop focus` numbers them."
            if there
            else "Nothing is pinned.",
        )
    lines = page.splitlines()
    places = [place for place, line in enumerate(lines) if _ITEM.match(line)]
    del lines[places[number - 1]]
    return "\n".join(lines) + "\n", there[number - 1]


# ── tags ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def tags(words: str) -> tuple[str, ...]:
    """Return the tags that words name, each once. Raises BadInput for what can be none."""
    found: dict[str, None] = {}
    for word in re.split(r"[\s,]+", words.strip()):
        tag = wording.clean(word).lstrip("#").casefold()
        if not tag:
            continue
        if not _TAG.fullmatch(tag) or len(tag) > LONGEST_TAG:
            raise BadInput(
                f"{wording.code(word, 40)} is no tag.",
                remedy=f"A tag is one word of letters, digits and hyphens, {LONGEST_TAG} characters at most.",
            )
        found[tag] = None
    return tuple(found)


def tagged(loop: Loop, new: Sequence[str]) -> tuple[str, ...]:
    """Return the loop's tags with more of them. Raises BadInput when they are too many."""
    all_of_them = tuple(dict.fromkeys((*loop.tags, *new)))
    if len(all_of_them) > MOST_TAGS:
        raise BadInput(f"A loop has {MOST_TAGS} tags at most.", remedy="`/loop untag <word>` takes one off.")
    return all_of_them
