"""The port `Layers`, put together. Owns: GitLayers. Imports: core. Effects: `<home>/context/*.git`, `<home>/personal/*.git`, their remotes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from adapters.git import host, judge, landing, leftovers, names, safe
from adapters.git.layer import Layer, Overtaken
from core import errors, layers, ports

TRIES = 8  # pushes that may be overtaken before somebody hears of it
CONTEXT = "/loop/context"  # where a box has its clones of layers
TEXT_BYTES = 1 << 20  # what is larger is no page
KEPT_BYTES = 32 << 10  # of texts that were just read: many loops that begin at once ask for the same
_WELCOME = "What one member keeps for themselves. Nobody else's loops see it.\n"


async def _nobody(name: str) -> None:
    """Hear of a move, and do nothing."""


class GitLayers:
    """The team's layers below `<home>/context`, the members' below `<home>/personal`.

    `remotes` are addresses by `knowledge`, `notes` and `personal`, the last one with `{member}` in it; a missing or empty one means
    that the repository in the home is the origin. `moved` is called with a layer's name after its `main` moved.
    `most` is how many bytes one of them may take by promoting.
    """

    def __init__(
        self,
        *,
        home: Path,
        sandbox: ports.Sandbox,
        clock: ports.Clock,
        remotes: Mapping[str, str] | None = None,
        grants: Mapping[str, str] | None = None,
        moved: Callable[[str], Awaitable[None]] = _nobody,
        most: int = 1 << 30,
    ) -> None:
        self._home = home
        self._clock = clock
        self._remotes = dict(remotes or {})
        self._git = safe.SafeGit(globals_at=home / "repos" / "host.gitconfig", grants=grants)
        self._known: dict[str, Layer] = {}
        self._seen: dict[tuple[str, str], tuple[str, Mapping[str, str]]] = {}  # small texts, of which commit
        self._moved = moved
        self.promotions = landing.Landing(
            self._git, of=self._one, where=self.mirror, sandbox=sandbox, agent=host.AUTHOR, packs=home / "quarantine-context",
            moved=moved, most=most,
        )  # fmt: skip

    async def sweep(self) -> None:
        """Clear what a crash left. To be called once, before anything else, by the home's one owner."""
        await asyncio.to_thread(self._sweep)

    async def sync(self, layer: str, *, fetch: bool = True) -> str:
        """Return the commit of `main`, brought up to the remote first when it can be reached and `fetch` is set.

        Raises BadInput for a name that is none, Refused when what is here and the remote cannot be brought together.
        """
        one = await self._one(layer)
        if not fetch:
            return await one.tip()
        asked = one.turn.begun
        async with one.turn.lock:
            if one.turn.begun > asked and one.turn.tip:
                return one.turn.tip
            one.turn.begun, one.turn.tip = one.turn.begun + 1, ""
            before = await one.tip()
            one.turn.tip = after = await one.follow()
        if after != before:
            await self._moved(layer)
        return after

    def mirror(self, layer: str) -> Path:
        """Return the folder of the layer's bare repository on the host."""
        return self._at(layer).path

    async def texts(self, layer: str, folder: str = "") -> Mapping[str, str]:
        """Return the text files of `main` below a folder, path → text; what is too large or no text is left out."""
        one = await self._one(layer)
        tip = await one.tip()
        seen, texts = self._seen.get((layer, folder), ("", {}))
        if seen != tip:
            texts = await one.pages(folder, at=tip, most=TEXT_BYTES)
            if sum(map(len, texts.values())) <= KEPT_BYTES:
                self._seen[layer, folder] = tip, texts
        return texts

    async def changes(self, layer: str, since: str) -> ports.Changes:
        """Return what differs between a commit and `main`; everything, when there is no such commit (or it is empty)."""
        one = await self._one(layer)
        tip = await one.tip()
        pages, gone = await one.differing(since, tip, most=TEXT_BYTES)
        return ports.Changes(tip=tip, pages=pages, gone=tuple(gone))

    async def write(
        self, layer: str, subject: str, files: Mapping[str, str], *, gone: Sequence[str] = (), by: str
    ) -> str:
        """Commit files of the host's own making onto `main` in the name of `by`, push, and return the commit.

        The same files again make no second commit. Raises BadInput for a path that cannot be one, Unavailable when the remote
        cannot be reached or others were faster eight times: nothing is written then.
        """
        for path in (*files, *gone):
            if why := judge.against(_as_change(path), judge.Rules()):
                raise errors.BadInput(f"The page {why}.")
        one = await self._one(layer)
        author = person(by)
        for _ in range(TRIES):
            try:
                async with one.turn.lock:
                    before = await one.follow(needed=True)
                    new = await one.drafted(subject, files, gone, upon=before, author=author)
                    if new != before:
                        await one.advance(new, before)
            except Overtaken:
                continue
            await self._moved(layer)
            return new
        raise Overtaken(f"Others keep being faster on {layer}.", remedy="Try again in a minute.")

    def checkout(self, layer: str, commit: str, branch: str, *, author: str) -> ports.Checkout:
        """Return how the layer is cloned into a loop's box: into /loop/context/<knowledge, notes or personal>."""
        return ports.Checkout(
            name=inside(layer), mirror=self.mirror(layer), commit=names.sha(commit), branch=names.branch(branch),
            into=f"{CONTEXT}/{layers.folder(layer)}", author=names.author(author),
        )  # fmt: skip

    async def _one(self, name: str) -> Layer:
        one = self._at(name)
        await one.make()
        return one

    def _at(self, name: str) -> Layer:
        if name not in self._known:
            member = layers.owner(name)
            if name not in layers.TEAM and not member:
                raise errors.BadInput(f"There is no layer called “{names.clean(name, 60)}”.")
            remote = self._remotes.get(layers.folder(name), "")
            if member:
                path = self._home / "personal" / f"{names.repo(member)}.git"
                remote = remote.replace("{member}", names.repo(member))
            else:
                path = self._home / "context" / f"{name}.git"
            self._known[name] = Layer(
                name, path, self._git, clock=self._clock, remote=remote, welcome=_WELCOME
            )
        return self._known[name]

    def _sweep(self) -> None:
        packs = self._home / "quarantine-context"
        packs.mkdir(mode=0o700, parents=True, exist_ok=True)
        before = (self._clock.now() - host.KEPT).timestamp()
        for place in (self._home / "context", self._home / "personal"):
            leftovers.sweep(place, packs, before=before)


def inside(layer: str) -> str:
    """Return the name under which boxes see a layer's repository, `/mirror/<name>.git`; no code repository can have it."""
    return f"context/{layers.folder(layer)}"


def person(name: str) -> str:
    """Return a person's name as git writes an author."""
    return f"{names.author(name)} <{names.address(name)}>"


def _as_change(path: str) -> judge.Change:
    return judge.Change(
        path=path.encode(), old_mode=judge.GONE, mode="100644", old_blob=names.ZERO, blob=names.ZERO
    )
