"""What a loop's boxes see. Owns: Boxes. Imports: core, adapters (texts only). Effects: none but writing the launcher.

Two kinds: the agent's box (the clone, the CLI, the two sockets) and the git box (the clone and its mirror: no way out at all).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from adapters.agent import managed
from adapters.git import workspace
from bridge.folders import LoopFolder
from core import layers, memory
from core.loop import Loop
from core.ports import Bind, Box, Git, Layers, Limits, Sandbox

CONTEXT = "/loop/context"
OWN = f"{CONTEXT}/personal"
WORKDIR, HOME, CLI = "/loop/workdir", "/home/loop", "/opt/claude"
MODEL, EGRESS = "/run/model.sock", "/run/egress.sock"
PROXY = "http://127.0.0.1:3128"
# Tools speak to a proxy on loopback inside the box; socat carries that to the socket of the egress gate. The CLI itself needs none of it.
ENTER = (
    "/bin/sh",
    "-c",
    f'socat TCP-LISTEN:3128,bind=127.0.0.1,fork,reuseaddr UNIX-CONNECT:{EGRESS} </dev/null >/dev/null 2>&1 & exec "$0" "$@"',
    CLI,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Boxes:
    """Composes boxes from a loop and its folder."""

    sandbox: Sandbox
    git: Git
    layers: Layers
    cli: Path
    limits: Limits

    def agent(self, loop: Loop, folder: LoopFolder) -> Box:
        """Return the box the agent works in."""
        plain = self.clone(loop, folder)
        context = self._context(loop, folder)
        proxy = {name: PROXY for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")}
        return replace(
            plain,
            binds=(
                *plain.binds,
                Bind(source=self.cli, dest=CLI),
                Bind(source=folder.home, dest=HOME, writable=True),
                *context,
                Bind(source=folder.outbox, dest="/loop/outbox", writable=True),
                Bind(source=folder.inbox, dest="/loop/inbox"),
                Bind(source=folder.capsule, dest="/loop/capsule"),
                Bind(source=folder.model_socket, dest=MODEL),
                Bind(source=folder.egress_socket, dest=EGRESS),
            ),
            files={
                **plain.files,
                **workspace.FILES,
                managed.SETTINGS_PATH: managed.settings(memory=_memory(context)),
            },
            env={
                **managed.environment(home=HOME, model_socket=MODEL),
                **proxy,
                "NO_PROXY": "localhost,127.0.0.1",
                "no_proxy": "localhost,127.0.0.1",
            },
        )

    def clone(self, loop: Loop, folder: LoopFolder) -> Box:
        """Return the box in which git looks at the loop's clone: no socket, no CLI, no way out."""
        mirror = (
            (Bind(source=self.git.mirror(loop.repo), dest=f"/mirror/{loop.repo}.git"),) if loop.repo else ()
        )
        return Box(
            name=f"loop-{loop.handle}",
            cwd=WORKDIR,
            binds=(Bind(source=folder.workdir, dest=WORKDIR, writable=True), *mirror),
            limits=self.limits,
        )

    def clones(self, loop: Loop, folder: LoopFolder) -> Box:
        """Return the box in which all of the loop's clones are made: the code's and those of its layers."""
        plain = self.clone(loop, folder)
        binds = [bind for name in layers.of(loop.personal) for bind in self.layer(loop, folder, name).binds]
        return replace(plain, binds=(*plain.binds, *binds))

    def layer(self, loop: Loop, folder: LoopFolder, layer: str) -> Box:
        """Return the box in which git looks at the loop's clone of a layer."""
        where = f"{CONTEXT}/{layers.folder(layer)}"
        binds = (
            Bind(source=folder.context / layers.folder(layer), dest=where, writable=True),
            Bind(source=self.layers.mirror(layer), dest=f"/mirror/context/{layers.folder(layer)}.git"),
        )
        return Box(name=f"loop-{loop.handle}", cwd=where, binds=binds, limits=self.limits)

    def _context(self, loop: Loop, folder: LoopFolder) -> tuple[Bind, ...]:
        """Return the binds of the layers the loop has; one that was made before there were layers has none. Looks at the disk."""
        there = [name for name in layers.of(loop.personal) if (folder.context / layers.folder(name)).is_dir()]
        return tuple(bind for name in there for bind in self.layer(loop, folder, name).binds)

    def write_launcher(self, loop: Loop, folder: LoopFolder) -> None:
        """Write the file that the agent's SDK runs as its CLI."""
        self.sandbox.write_launcher(self.agent(loop, folder), ENTER, folder.launcher)


def _memory(context: Sequence[Bind]) -> str:
    """Return the folder of the CLI's own memory: in the clone of its member's own layer, where the loop has one."""
    return f"{OWN}/{memory.FOLDER}" if any(bind.dest == OWN for bind in context) else ""
