"""What `doctor` asks of the sandbox. Owns: findings. Imports: core, .enter, .limits. Effects: starts programs and boxes."""

from __future__ import annotations

import asyncio
import os
import re
import socket
from collections.abc import Sequence
from pathlib import Path

from adapters.sandbox import enter, limits
from core import errors, ports

_ENOUGH = (0, 8)
_BOX = ports.Box(name="doctor", cwd="/tmp")  # noqa: S108 - the tmpfs inside
_BOOTSTRAP = "run scripts/bootstrap"
_SWITCHES = (
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "run scripts/bootstrap: it adds an AppArmor profile",
    ),
    ("/proc/sys/kernel/unprivileged_userns_clone", "0", "sudo sysctl -w kernel.unprivileged_userns_clone=1"),
    ("/proc/sys/user/max_user_namespaces", "0", "sudo sysctl -w user.max_user_namespaces=10000"),
)


async def findings(sandbox: ports.Sandbox) -> Sequence[ports.Finding]:
    """Try each thing the bridge needs of a sandbox here, by doing it. Never raises for what it finds."""
    found = [await _bubblewrap(), _who(sandbox.owner()), await _box(sandbox)]
    if found[-1].ok:
        found += [await _network(sandbox), await _bounds(sandbox), await _forwarder(sandbox)]
    return found


async def _bubblewrap() -> ports.Finding:
    name = "bubblewrap"
    try:
        child = await asyncio.create_subprocess_exec(
            enter.BWRAP, "--version", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env={}
        )
    except OSError as exc:
        return ports.Finding(name=name, ok=False, detail=f"{enter.BWRAP}: {exc.strerror}", remedy=_BOOTSTRAP)
    said = (await child.communicate())[0].decode(errors="replace").strip()
    version = tuple(int(number) for number in re.findall(r"\d+", said)[:3])
    if version < _ENOUGH:
        return ports.Finding(name=name, ok=False, detail=f"{said}: too old, 0.8 is needed", remedy=_BOOTSTRAP)
    return ports.Finding(name=name, ok=True, detail=said)


def _who(owner: tuple[int, int] | None) -> ports.Finding:
    if owner is None:
        return ports.Finding(
            name="sandbox user", ok=True, detail=f"boxes run as the bridge's own user ({os.geteuid()})"
        )
    return ports.Finding(
        name="sandbox user", ok=True, detail=f"the bridge is root, boxes run as uid {owner[0]}"
    )


async def _box(sandbox: ports.Sandbox) -> ports.Finding:
    name = "a box starts"
    code, said = await _try(sandbox, _BOX, "grep -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/self/status; id -u")
    if code != 0:
        remedy = await asyncio.to_thread(_closed_switch) or _BOOTSTRAP
        return ports.Finding(name=name, ok=False, detail=said, remedy=remedy)
    facts = said.split()
    holds = facts == ["CapEff:", "0" * 16, "NoNewPrivs:", "1", "Seccomp:", "2", "1000"]
    if not holds:
        return ports.Finding(
            name=name, ok=False, detail=f"it has privileges: {' '.join(facts)}", remedy=_BOOTSTRAP
        )
    return ports.Finding(name=name, ok=True, detail="without privileges, behind a system call filter")


async def _network(sandbox: ports.Sandbox) -> ports.Finding:
    name = "no network in a box"
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code, said = await _try(sandbox, _BOX, f"exec 3<>/dev/tcp/127.0.0.1/{port}")
    if code == 0:
        return ports.Finding(
            name=name, ok=False, detail="a port of the host was reached", remedy="do not run the bridge"
        )
    refused = "refused" in said
    return ports.Finding(
        name=name, ok=refused, detail="the host's loopback is out of reach" if refused else said
    )


async def _bounds(sandbox: ports.Sandbox) -> ports.Finding:
    """A file and a process that are too large, to see that they fail; who watches the rest, to say so."""
    name = "limits of a box"
    bounds = ports.Limits(file_bytes=1 << 20, data_bytes=64 << 20)
    box = ports.Box(name="doctor", cwd="/tmp", limits=bounds)  # noqa: S108 - the tmpfs inside
    wrote, _ = await _try(sandbox, box, "head -c 2M /dev/zero > /tmp/large")
    held, _ = await _try(sandbox, box, "head -c 200M /dev/zero | tail")
    if not wrote or not held:
        what = "files" if not wrote else "memory"
        return ports.Finding(
            name=name, ok=False, detail=f"{what} are not bounded", remedy="use Linux 5.14 or later"
        )
    ceiling = await asyncio.to_thread(limits.ceiling)
    outer = (
        f"a cgroup holds the bridge and all boxes to {ceiling >> 20} MiB"
        if ceiling
        else "no cgroup bounds the bridge"
    )
    detail = f"per process by rlimits, per box by a count of its own and the bridge's watchdog; {outer}"
    return ports.Finding(name=name, ok=True, detail=detail)


async def _forwarder(sandbox: ports.Sandbox) -> ports.Finding:
    code, said = await _try(sandbox, _BOX, "command -v socat")
    return ports.Finding(
        name="socat in a box",
        ok=code == 0,
        detail=said.strip() or "missing: tools in a box could not reach the egress proxy",
        remedy="" if code == 0 else _BOOTSTRAP,
    )


async def _try(sandbox: ports.Sandbox, box: ports.Box, script: str) -> tuple[int, str]:
    """Run a script in a box; a box that cannot be built counts as code -1."""
    try:
        done = await sandbox.run(box, ["bash", "-o", "pipefail", "-c", script], timeout=20)
    except errors.LoopbridgeError as exc:
        return -1, str(exc)
    return done.code, (done.stdout + done.stderr).decode(errors="replace")


def _closed_switch() -> str:
    """Name the remedy for the kernel setting that forbids user namespaces, if one does."""
    for path, closed, remedy in _SWITCHES:
        try:
            if Path(path).read_text().strip() == closed:
                return remedy
        except OSError:  # this kernel has no such setting
            continue
    return ""
