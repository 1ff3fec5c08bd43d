"""What pages claim, and the messages that rests on. Owns: read, claims_read, rests, retrace, source_changed, told. Imports: core. Effects: none."""

from __future__ import annotations

from core import graph, layers
from core.effects import ReadClaims, Retrace
from core.events import ClaimsRead, Deleted, Edited, LayerMoved, SourceChanged
from core.ids import message_key
from core.step.draft import Draft


def read(draft: Draft, event: LayerMoved) -> None:
    """Have the claims of a team's layer read when its pages change."""
    if event.layer not in layers.TEAM or not (event.pages or event.gone):
        return
    draft.effects.append(
        ReadClaims(
            key=draft.key("claims"),
            lane=draft.lane,
            layer=event.layer,
            tip=event.tip,
            pages=event.pages,
            gone=event.gone,
        )
    )


def claims_read(draft: Draft, event: ClaimsRead) -> None:
    """Follow what a page claims: each claim is a node that hangs on its page and on the messages it rests on."""
    audience = layers.audience(event.layer)
    page = graph.page(event.layer, event.path)
    for claim in event.claims:
        key = graph.claim(event.layer, event.path, claim.n)
        told(
            draft, key, "claim", audience, claim.text,
            layer=event.layer, path=event.path, tip=event.tip, deleted="",
        )  # fmt: skip
        draft.edge(key, "links", page)
        for source in claim.sources:
            draft.edge(key, "distilled_from", source)
    for key in event.gone:
        told(draft, key, "claim", audience, deleted=event.at.isoformat())


def rests(draft: Draft, event: LayerMoved) -> None:
    """Hang facts of a member's own layer on their messages again, and flag those whose message changed."""
    audience = layers.audience(event.layer)
    for each in event.rests:
        draft.edge(each.fact, "distilled_from", each.source)
        if each.how:
            told(draft, each.fact, "memory", audience, flagged=event.at.isoformat(), how=each.how)


def retrace(draft: Draft, event: Edited | Deleted) -> None:
    """Have what was distilled from a message found: it does not say so any more, or not in those words."""
    key = message_key(draft.desk.thread, event.message)
    draft.effects.append(
        Retrace(key=draft.key("retrace"), lane=draft.lane, message=key, how=event.kind, at=event.at)
    )


def source_changed(draft: Draft, event: SourceChanged) -> None:
    """Flag claims and facts whose source was edited or deleted; a distill reopens claims. Decisions of it, whether live or over, lose its words."""
    for key in event.claims:
        told(draft, key, "claim", layers.EVERYBODY, flagged=event.at.isoformat(), how=event.how)
    for key in event.facts:
        audience = layers.audience(graph.layer_of(key))
        told(draft, key, "memory", audience, flagged=event.at.isoformat(), how=event.how)
    thread = event.message.partition("#")[0]
    for key in event.marks:
        told(draft, key, "decision", thread, deleted=event.changed_at.isoformat())


def told(draft: Draft, key: str, kind: graph.NodeKind, audience: str, text: str = "", **props: str) -> None:
    """Note more of a thing that has an audience of its own."""
    draft.facts.append(graph.Node(key=key, kind=kind, audience=audience, at=draft.at, text=text, props=props))
