"""Facts, kept and taken out. Owns: Remembering. Imports: core, bridge. Effects: through Facts, emits events, notes what waits for a word.

Doing any of it twice is harmless: a fact's file is named by its words and says what it came by, and what is to be forgotten is noted
before it goes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from bridge import wishes
from bridge.facts import Facts
from bridge.sources import Sources
from bridge.wishes import Wish
from core import events, graph, layers, memory, memorycards, wording
from core.effects import Forget, Reindex, Remember, Share
from core.errors import BadInput, LoopbridgeError, Refused, Rejected
from core.events import Author
from core.ids import MessageKey, ThreadKey, derived, note_of
from core.memory import Memo
from core.people import Member
from core.ports import Clock, Emit, Store

log = structlog.get_logger(__name__)
DELETED = "What it rests on was deleted meanwhile, so nothing was remembered."
OVER = "That was answered already. Nothing changed."


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembering:
    """Carries out Remember, Share, Forget and Reindex. `clean` takes known secrets out of a text."""

    store: Store
    facts: Facts
    sources: Sources
    clock: Clock
    emit: Emit
    clean: Callable[[str], str]

    async def remember(self, effect: Remember) -> None:
        """Keep a fact, hold it for a word when it would be read by more people, or say why not. Raises Unavailable."""
        here = ThreadKey(effect.via) or effect.lane
        try:
            member = await self._member(effect.author)
            said = await self.sources.said(effect, here, member)
            self.fit(said.text)
            wish = Wish(
                said=said, author=effect.author, origin=said.command or said.key, at=effect.lane, via=effect.via
            )  # fmt: skip
            if effect.personal:
                await self.keep(layers.personal(member.id), wish)
            elif await self.sources.open_to_all(here, said):
                await self.keep(layers.NOTES, wish)
            else:
                await self._hold(effect, wish)
        except (BadInput, Refused, Rejected) as exc:
            await self._not_done(effect, effect.author, effect.message, exc)

    async def share(self, effect: Share) -> None:
        """Keep what was held, where whoever asked for it now says. Raises Unavailable."""
        try:
            await self._share(effect)
        except (BadInput, Refused, Rejected) as exc:
            await self._not_done(effect, effect.author, effect.press, exc)

    async def forget(self, effect: Forget) -> None:
        """Take a fact out, or say which it could be. Raises Unavailable."""
        try:
            member = await self._member(effect.author)
            layer = layers.personal(member.id) if effect.personal else layers.NOTES
            async with self.facts.turn(layer):
                await self._forget(effect, layer)
        except (BadInput, Refused, Rejected) as exc:
            await self._not_done(effect, effect.author, effect.message, exc)

    async def reindex(self, effect: Reindex) -> None:
        """Bring a layer's index up to its files. Raises Unavailable."""
        await self.facts.reindex(effect.layer)

    def fit(self, text: str) -> None:
        """Raise BadInput for a fact that is none, is a page, or holds a secret."""
        what = memory.secret(text) or ("a secret of this bridge" if self.clean(text) != text else "")
        if what:
            raise BadInput(
                f"That looks like it holds {what}, so it was not remembered.",
                remedy="Say where the secret is kept instead of what it is.",
            )
        if not memory.SHORTEST <= len(text) <= memory.LONGEST:
            raise BadInput(
                f"A fact has {memory.SHORTEST} to {memory.LONGEST:,} characters.",
                remedy="Say it in a sentence or a few; what is longer belongs on a page.",
            )

    async def keep(self, layer: str, wish: Wish) -> events.Remembered:
        """Write a fact into a layer and tell it; return what was told. Raises Unavailable and BadInput."""
        memo = self._memo(wish)
        old, among = await self.facts.put(layer, memo, by=wish.author.name)
        told = events.Remembered(
            lane=wish.at if layer in layers.TEAM else layers.lane(layer),
            at=self.clock.now(),
            layer=layer,
            memo=memo.id,
            handle=memory.handle(memo, among),
            path=(old or memo).path,
            text=(old or memo).text,
            author=wish.author,
            origin=wish.origin,
            source=wish.said.key,
            permalink=wish.said.permalink,
            known=old is not None and old.origin != wish.origin,
            turn=wish.turn,
            card=wish.card,
            via=wish.via if layer in layers.TEAM else wish.via or wish.at,
        )
        await self.emit(told)
        await self._overtaken(wish, told)
        return told

    async def _overtaken(self, wish: Wish, told: events.Remembered) -> None:
        """Say so when the message changed while its fact was being kept: what became of it then found no fact."""
        for node in await self.store.nodes([wish.said.key]):
            deleted, edited = node.props.get("deleted"), node.props.get("edited", "") != wish.said.edited
            if node.kind == "message" and (deleted or edited):
                now = self.clock.now()
                await self.emit(
                    events.SourceChanged(
                        lane=layers.lane(layers.KNOWLEDGE), at=now, message=MessageKey(node.key.removeprefix("message:")),
                        how="deleted" if deleted else "edited", changed_at=now, claims=(), facts=(graph.memory(told.layer, told.memo),),
                    )
                )  # fmt: skip

    def _memo(self, wish: Wish) -> Memo:
        said = wish.said
        return Memo(
            id=memory.identify(said.text),
            text=said.text,
            by=f"loop #{wish.learned}, driver {said.by.name}" if wish.learned else said.by.name,
            when=self.clock.now(),
            source=said.permalink,
            thread=wish.via or wish.at,
            origin=wish.origin,
            rests=said.key if said.key != wish.origin else "",
            learned=wish.learned,
            path=memory.place(said.text),
        )

    async def _hold(self, effect: Remember, wish: Wish) -> None:
        held = derived("held", effect.key)[:24]
        if await self.store.kept(wishes.held(held)) is None:
            await self.store.keep(wishes.held(held), wishes.spell(wish))
        await self.emit(
            events.RememberHeld(
                lane=effect.lane, at=self.clock.now(), held=held, text=wish.said.text, author=wish.author, via=effect.via
            )
        )  # fmt: skip

    async def _share(self, effect: Share) -> None:
        kept = await self.store.kept(wishes.held(effect.held))
        if not kept:
            raise BadInput(OVER)
        wish = wishes.read(kept, effect.held)
        member = await self._member(wish.author)
        if (await self._member(effect.author)).id != member.id:
            who = wording.line(wish.author.name, 40)
            raise BadInput(f"{who} asked for this, and decides.", remedy="It still waits.")
        if any(node.props.get("deleted") for node in await self.store.nodes([wish.said.key])):
            await self.store.keep(wishes.held(effect.held), "")
            raise BadInput(DELETED, remedy="`/loop remember <fact>` keeps one in your own words.")
        await self.keep(layers.NOTES if effect.share else layers.personal(member.id), wish)
        await self.store.keep(wishes.held(effect.held), "")

    async def _forget(self, effect: Forget, layer: str) -> None:
        going = note_of(effect.key)
        there = await self.facts.texts(layer)
        among = memory.known(there)
        noted = await self.store.kept(going)
        path = noted or self._one(effect, among).path
        memo = memory.read(path, there.get(path, ""))
        if memo is not None:
            await self.store.keep(going, path)
            await self.facts.take(layer, memo, there, by=effect.author.name)
        identifier = memory.id_of(path)
        twin = next((each.path for each in among if each.id == identifier and each.path != path), "")
        own = layer not in layers.TEAM
        await self.emit(
            events.Forgotten(
                lane=layers.lane(layer) if own else effect.lane,
                at=self.clock.now(),
                layer=layer,
                memo=identifier,
                handle=memory.handle(memo, among) if memo else f"m{identifier}",
                path=path,
                text=memo.text if memo else "",
                author=effect.author,
                message=effect.message,
                via=effect.via or effect.lane if own else effect.via,
                twin=twin,
            )
        )

    def _one(self, effect: Forget, among: tuple[Memo, ...]) -> Memo:
        found = memory.matching(effect.words, among)
        if len(found) == 1:
            return found[0]
        if not found:
            raise BadInput("No fact is called that, or holds those words.", remedy="`/loop memory` shows what there is.")  # fmt: skip
        raise _Several(found, among)

    async def _member(self, author: Author) -> Member:
        member = (await self.store.people()).of(author.identity)
        if member is None:
            raise Refused("Only members can do this.")
        return member

    async def _not_done(
        self, effect: Remember | Share | Forget, author: Author, message: str, why: LoopbridgeError
    ) -> None:
        log.info("memory.not_done", key=effect.key, why=type(why).__name__)
        several = why.candidates if isinstance(why, _Several) else ()
        await self.emit(
            events.NotDone(
                lane=effect.lane, at=self.clock.now(), author=author, message=message, what=f"{why}", remedy=why.remedy,
                candidates=several, via=effect.via,
            )
        )  # fmt: skip


class _Several(BadInput):
    """Words that stand for more than one fact, or for a fact of which somebody copied the file."""

    def __init__(self, found: tuple[Memo, ...], among: tuple[Memo, ...]) -> None:
        copied = len({memo.id for memo in found}) == 1
        what = (
            f"One name, {len(found)} files: somebody copied one." if copied else "That could be any of these."
        )
        which = "Nothing was forgotten. Say which file:" if copied else "Say which, by its handle:"
        super().__init__(what, remedy=which)
        self.candidates = tuple(memorycards.candidate(memo, among) for memo in found)
