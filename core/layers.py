"""The layers of context: names, who may see them, what is gated. Owns: Layer names and their rules. Imports: core.ids. Effects: none.

A layer is a git repository with pages of Markdown: `knowledge` and `notes` are the team's, `personal/<member>` is one member's.
"""

from __future__ import annotations

from core.ids import MemberId, ThreadKey, thread_key

KNOWLEDGE, NOTES = "knowledge", "notes"
TEAM = (KNOWLEDGE, NOTES)
GATED = frozenset({KNOWLEDGE})
OWN_PLACE = "/loop/context/personal"  # where a box has its driver's own layer
EVERYBODY = "bridge"  # the audience of what every member may see
_PERSONAL = "personal/"


def personal(member: MemberId) -> str:
    """Return the name of a member's own layer."""
    return f"{_PERSONAL}{member}"


def of(member: MemberId | None) -> tuple[str, ...]:
    """Return the layers a loop has: the team's, and one member's own if there is one."""
    return (*TEAM, *((personal(member),) if member else ()))


def owner(layer: str) -> MemberId | None:
    """Return whose layer this is, None for one of the team's."""
    return MemberId(layer.removeprefix(_PERSONAL)) if layer.startswith(_PERSONAL) else None


def audience(layer: str) -> str:
    """Return who may see what stands in a layer, as a node's `audience`."""
    member = owner(layer)
    return f"member:{member}" if member else EVERYBODY


def lane(layer: str) -> ThreadKey:
    """Return the lane in which a layer's events are handled one after another. It is no thread of any chat."""
    return thread_key("bridge", "layers", layer.replace("/", "-"), "main")


def is_private(key: str) -> bool:
    """Whether a lane is that of somebody's own layer: what is told in it is told to nobody else."""
    return key.startswith(lane(_PERSONAL).removesuffix("/main"))


def folder(layer: str) -> str:
    """Return the layer's name as a loop sees it: `knowledge`, `notes`, `personal`."""
    return layer.partition("/")[0]
