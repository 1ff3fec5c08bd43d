"""The agent's tool `promote`. Owns: PromoteTool. Imports: core, bridge. Effects: those of Promoting."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.promoting import Outcome, Promoting
from core import events, focus, ids, layers, planning, prompts, proposalcards, wording
from core.errors import BadInput
from core.ports import Clock, Store, ToolAnswer, ToolSpec, ToolUse

LONGEST_SUMMARY = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class PromoteTool:
    """The agent's own way to promote."""

    store: Store
    promoting: Promoting
    clock: Clock

    @property
    def spec(self) -> ToolSpec:
        """Return how the tool is offered."""
        names = ["notes", "knowledge", "personal"]
        return ToolSpec(
            name="promote",
            description=(
                "Share what you wrote in /loop/context/<layer>: notes reach the team at once, knowledge waits for a member's merge, "
                "personal is your driver's alone. Uncommitted files are included. When others changed the same places you are told "
                "which files, and find both versions in them."
            ),
            schema={
                "type": "object",
                "properties": {
                    "layer": {"type": "string", "enum": names},
                    "summary": {"type": "string", "description": "What it is, in one short sentence.", "maxLength": 300},
                },
                "required": ["layer", "summary"],
                "additionalProperties": False,
            },
        )  # fmt: skip

    async def __call__(self, use: ToolUse) -> ToolAnswer:
        """Promote a layer of the calling session's loop. Raises BadInput for a layer it does not have, Refused while it plans."""
        name, summary = str(use.input.get("layer", "")), str(use.input.get("summary", ""))
        loop = await self.store.loop(use.loop)
        if loop is None:
            raise BadInput("This loop is over.")
        planning.gate(loop)
        people = await self.store.people()
        driver = focus.driver(loop, people)
        mine = loop.personal if loop.personal == driver else None
        layer = next((known for known in layers.of(mine) if layers.folder(known) == name), None)
        if layer is None:
            raise BadInput(f"You have no layer {wording.code(name, 30)}.", remedy="There are notes, knowledge and, for whoever began the loop, personal.")  # fmt: skip
        if loop.condenses is not None and layer not in layers.GATED:
            raise BadInput("This loop proposes pages: nothing it writes changes before a person merges it.", remedy="Promote knowledge.")  # fmt: skip
        request = ids.new_id()
        wanted = events.PromoteWanted(
            lane=use.thread, at=self.clock.now(), loop=use.loop, turn=use.turn, request=request, layer=layer,
            summary=wording.line(summary, LONGEST_SUMMARY) or loop.title,
        )  # fmt: skip
        return _answer(await self.promoting.hear(request, wanted))


def _answer(outcome: Outcome | None) -> ToolAnswer:
    match outcome:
        case None:
            return ToolAnswer(text="It is still under way; the thread will be told what comes of it. Go on.")
        case events.Promoted():
            return ToolAnswer(text=f"{proposalcards.landed(outcome)} It is on main.")
        case events.Proposed():
            text = f"Proposal {ids.short(outcome.proposal)} waits in the thread for a member to merge it; main is untouched. Say so in your answer."
            return ToolAnswer(text=text)
        case events.NotPromoted(why="conflict"):
            return ToolAnswer(text=prompts.conflict(layers.folder(outcome.layer), outcome.files), failed=True)
        case events.NotPromoted():
            return ToolAnswer(text=proposalcards.not_landed(outcome), failed=outcome.why != "nothing")
