"""The agent's tool `remember`. Owns: RememberTool. Imports: core, bridge. Effects: those of Remembering."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from bridge.remembering import Remembering
from bridge.sources import Said, Sources
from bridge.wishes import Wish
from core import focus, graph, layers, memory, planning, wording
from core.errors import BadInput, Refused
from core.events import Author, LearnedAlone
from core.graph import Node
from core.ids import TurnId, message_key
from core.loop import Loop
from core.people import Member
from core.ports import Emit, Store, ToolAnswer, ToolSpec, ToolUse

MOST = 10  # facts of one turn
TURNS = 500  # whose facts are counted
SPEC = ToolSpec(
    name="remember",
    description=(
        "Keep a fact that will be of use beyond this piece of work: where something is, how something is done here, what was decided and why."
        " One plain fact a call, in a sentence or a few, understandable without the thread. Not what the code says already, not what is only"
        " true today, never a secret. With `personal`, only the loops of the person who drives this one are given it: for their preferences."
        " Otherwise the whole team is, and the thread is told at the end of the turn. `source` is the link of the message that says so,"
        " if it is another than the one you were asked by."
    ),
    schema={
        "type": "object",
        "properties": {
            "fact": {"type": "string", "minLength": memory.SHORTEST, "maxLength": memory.LONGEST},
            "source": {"type": "string", "maxLength": 500},
            "personal": {"type": "boolean"},
        },
        "required": ["fact"],
        "additionalProperties": False,
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberTool:
    """Carries out `remember`. From a thread that not everybody may read, a fact goes into the driver's own memory alone."""

    store: Store
    sources: Sources
    remembering: Remembering
    emit: Emit
    spec: ToolSpec = SPEC
    _counts: OrderedDict[TurnId, int] = field(default_factory=OrderedDict)

    async def __call__(self, use: ToolUse) -> ToolAnswer:
        """Keep the fact. Raises BadInput for one that cannot be kept, Refused past ten in a turn and while the loop plans, Unavailable."""
        fact, source, personal = _arguments(use)
        self.remembering.fit(fact)
        loop = await self.store.loop(use.loop)
        people = await self.store.people()
        driver = people.members.get(focus.driver(loop, people)) if loop else None
        if loop is None or driver is None:
            raise Refused("Nobody drives this loop, so nothing can be remembered for anybody.")
        planning.gate(loop)
        if loop.condenses is not None:
            # It reads what many wrote: nothing of that is kept, or steers anybody's loops, before a person merged it.
            raise Refused(
                "This loop proposes pages and remembers nothing.", remedy="Put it on a page, with its source."
            )
        self._count(use.turn)
        said = await self._said(loop, driver, fact, source)
        open_to_all = await self.sources.open_to_all(loop.thread, said)
        own = personal or not open_to_all
        wish = Wish(
            said=said, author=Author(identity=loop.driver_identity, name=loop.driver_name), origin=graph.turn(use.turn), at=loop.thread,
            learned=loop.handle, turn=use.turn,
        )  # fmt: skip
        told = await self.remembering.keep(layers.personal(driver.id) if own else layers.NOTES, wish)
        if own and not told.known:
            await self.emit(
                LearnedAlone(lane=loop.thread, at=told.at, loop=loop.id, turn=use.turn, handle=told.handle)
            )
        return ToolAnswer(text=_answer(told.handle, known=told.known, own=own, narrow=own and not personal))

    def _count(self, turn: TurnId) -> None:
        number = self._counts.pop(turn, 0)
        self._counts[turn] = number + 1
        while len(self._counts) > TURNS:
            self._counts.popitem(last=False)
        if number >= MOST:
            raise Refused(
                f"{MOST} facts were kept in this turn already.",
                remedy="Keep to what others will need again; say the rest in your answer.",
            )

    async def _said(self, loop: Loop, driver: Member, fact: str, source: str) -> Said:
        """Return the fact with what it rests on: the message that is linked, else the one that asked for the work."""
        node: Node | None = None
        if source:
            node = await self.sources.linked(source, loop.thread, driver)
            if node is None:
                raise BadInput(
                    "That source leads to no message that may be read from here.",
                    remedy="Leave `source` out: the message you were asked by stands in for it.",
                )
        else:
            asked = loop.turn.trigger if loop.turn and loop.turn.trigger else loop.trigger
            key = graph.message(message_key(loop.thread, asked))
            node = next(iter(await self.store.nodes([key])), None)
        return Said(
            text=fact,
            by=Author(identity=loop.driver_identity, name=loop.driver_name),
            key=node.key if node else graph.thread(loop.thread),
            permalink=node.props.get("permalink", "") if node else "",
            audience=node.audience if node else loop.thread,
            edited=node.props.get("edited", "") if node else "",
        )


def _arguments(use: ToolUse) -> tuple[str, str, bool]:
    fact, source, personal = (use.input.get(name) for name in ("fact", "source", "personal"))
    if (
        not isinstance(fact, str)
        or not isinstance(source, str | None)
        or not isinstance(personal, bool | None)
    ):
        raise BadInput("`fact` and `source` are texts, `personal` is true or false.")
    return wording.clean(fact).strip(), (source or "").strip(), bool(personal)


def _answer(handle: str, *, known: bool, own: bool, narrow: bool) -> str:
    where = "in the driver's own memory" if own else "in the team's memory"
    words = f"Known already {where}, as {handle}." if known else f"Kept {where}, as {handle}."
    return f"{words} This thread is not open to the whole team, so no wider." if narrow else words
