"""What doctor asks of the bridge's own state. Owns: Daemon, daemon, home, database, port, policy. Imports: adapters, bridge, config.

Effects: opens and writes the database, listens on the port for a moment.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from adapters.store import claim, opening
from adapters.store.store import SqlStore
from bridge import rules
from bridge.clock import SystemClock
from bridge.home import Home
from config.errors import ConfigError
from config.settings import Settings
from core.errors import BadInput
from core.ports import Finding

ENOUGH = 2 << 30  # bytes: a clone, a database's growth and its reserve
MIB = 1 << 20
INIT = "Run `loopbridge init`."
UNHEARD = "a bridge that runs here and does not answer on the port, such as that of `loopbridge chat`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Daemon:
    """What answers on our port: a bridge (with what it says of itself and of its chats), or nothing of ours.

    `elsewhere` is the home of a bridge that answers there and is not ours; `held`: a bridge without that port has our database.
    """

    running: bool
    status: str = ""
    chats: Mapping[str, str] = field(default_factory=dict)
    elsewhere: str = ""
    held: bool = False

    @property
    def alive(self) -> bool:
        """Whether a bridge of this home runs, wherever it answers."""
        return self.running or self.held


async def daemon(settings: Settings) -> Daemon:
    """Ask whether a bridge of this home runs: by the configured port, else by who has the database."""
    said = await _healthz(settings)
    home = str(said.get("home", settings.home))
    if said and home == str(settings.home):
        told = said.get("chats")
        chats = told if isinstance(told, dict) else {}
        return Daemon(
            running=True,
            status=str(said["status"]),
            chats={str(name): str(state) for name, state in chats.items()},
        )
    held = False
    with suppress(BadInput):  # what is wrong with the address, the database's own check says
        held = await asyncio.to_thread(claim.held, opening.path_of(_url(settings)))
    return Daemon(running=False, elsewhere=home if said else "", held=held)


async def _healthz(settings: Settings) -> Mapping[str, object]:
    """Return what a bridge on the configured port says of itself, nothing when there is none."""
    address = f"http://{_host(settings)}:{settings.http.port}/healthz"
    if settings.http.port:
        with suppress(aiohttp.ClientError, TimeoutError, ValueError, OSError):
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session,
                session.get(address) as answer,
            ):
                said = json.loads((await answer.content.read(1 << 16)).decode())
                if isinstance(said, dict) and said.get("status") in ("ok", "degraded"):
                    return said
    return {}


def _url(settings: Settings) -> str:
    return settings.database.url.get_secret_value() or Home(settings.home).database_url


async def home(settings: Settings) -> Sequence[Finding]:
    """Look at the home's permissions and at the room on its disk."""
    return await asyncio.to_thread(lambda: [_permissions(Home(settings.home)), _room(settings.home)])


async def database(settings: Settings, running: Daemon) -> Sequence[Finding]:
    """Open the database and write to it; the one of a running bridge is the bridge's to open."""
    name = "database"
    if running.running:
        return [Finding(name=name, ok=True, detail="in use by the running bridge")]
    if running.held:
        return [Finding(name=name, ok=True, detail=f"in use by {UNHEARD}")]
    place = Home(settings.home)
    if not await asyncio.to_thread(place.marker.exists):
        return [Finding(name=name, ok=False, detail=f"there is no home at {place.root}", remedy=INIT)]
    clock = SystemClock()
    stamp = clock.now().isoformat()
    async with SqlStore(_url(settings), clock=clock) as store:
        await store.keep("doctor", stamp)
        same = await store.kept("doctor") == stamp
    detail = "opened, written durably and read back" if same else "what was written did not come back"
    return [
        Finding(
            name=name, ok=same, detail=detail, remedy="" if same else "Restore the database from a backup."
        )
    ]


async def port(settings: Settings, running: Daemon) -> Sequence[Finding]:
    """Listen on the port for a moment, unless our own bridge does."""
    name, where = "port", f"{settings.http.host}:{settings.http.port}"
    if running.running:
        ok = running.status == "ok"
        remedy = "" if ok else "Its log says what is wrong; /healthz names it."
        return [
            Finding(name=name, ok=ok, detail=f"a bridge answers on {where}: {running.status}", remedy=remedy)
        ]
    other = "Stop what uses it, or set another: http.port in config.toml (0 takes any free one)."
    if running.elsewhere:
        detail = f"{where} belongs to a bridge of another home, {running.elsewhere}"
        return [Finding(name=name, ok=False, detail=detail, remedy=other)]
    try:
        server = await asyncio.start_server(
            lambda _, writer: writer.close(), _host(settings).strip("[]"), settings.http.port
        )
    except OSError as exc:
        why = os.strerror(exc.errno) if exc.errno else str(exc)
        return [Finding(name=name, ok=False, detail=f"{where}: {why}", remedy=other)]
    server.close()
    await server.wait_closed()
    return [Finding(name=name, ok=True, detail=f"{where} is free")]


async def policy(settings: Settings) -> Sequence[Finding]:
    """Read the rules."""
    name, path = "policy", Home(settings.home).policy
    try:
        found = await asyncio.to_thread(rules.load, path)
    except ConfigError as exc:
        remedy = "Mend that line; config/policy.toml explains the form."
        return [Finding(name=name, ok=False, detail=str(problem), remedy=remedy) for problem in exc.problems]
    source = path.name if await asyncio.to_thread(path.exists) else "the shipped file"
    return [Finding(name=name, ok=True, detail=f"{len(found.rules)} rules from {source}")]


def _host(settings: Settings) -> str:
    host = settings.http.host
    return f"[{host}]" if ":" in host else host


def _permissions(place: Home) -> Finding:
    name = "home"
    if not place.marker.exists():
        return Finding(name=name, ok=False, detail=f"there is no home at {place.root}", remedy=INIT)
    for path in (place.root, place.keys):
        if not path.is_dir():
            return Finding(name=name, ok=False, detail=f"{path} is missing", remedy=INIT)
        held = path.stat()
        if held.st_uid != os.geteuid():
            remedy = f"sudo chown -R {os.geteuid()} {path}"
            return Finding(name=name, ok=False, detail=f"{path} belongs to uid {held.st_uid}", remedy=remedy)
        if stat.S_IMODE(held.st_mode) & 0o077:
            return Finding(
                name=name, ok=False, detail=f"others can look into {path}", remedy=f"chmod 700 {path}"
            )
    exposed = _exposed(place)
    if exposed:
        return Finding(
            name=name, ok=False, detail=f"others can read {exposed}", remedy=f"chmod 600 {exposed}"
        )
    try:
        with tempfile.TemporaryFile(dir=place.root) as file:
            file.write(b"x")
            file.flush()
            os.fsync(file.fileno())
    except OSError as exc:
        detail = f"{place.root} cannot be written ({exc.strerror})"
        remedy = "See that the disk is neither full nor read-only; the bridge's user has to own the folder."
        return Finding(name=name, ok=False, detail=detail, remedy=remedy)
    return Finding(name=name, ok=True, detail=f"{place.root} is yours alone and can be written")


def _exposed(place: Home) -> Path | None:
    files = [place.config, *(path for path in place.keys.iterdir() if path.is_file())]
    return next((path for path in files if path.exists() and path.stat().st_mode & 0o077), None)


def _room(root: Path) -> Finding:
    name = "disk"
    there = next(path for path in (root, *root.parents) if path.exists())
    free = shutil.disk_usage(there).free
    inodes = os.statvfs(there)
    if inodes.f_files and not inodes.f_favail:
        return Finding(
            name=name, ok=False, detail=f"no inodes are left under {there}", remedy="Remove files there."
        )
    ok = free >= ENOUGH
    remedy = "" if ok else f"Make room on the disk under {there}: {ENOUGH // MIB} MiB are needed."
    return Finding(name=name, ok=ok, detail=f"{free // MIB} MiB free under {there}", remedy=remedy)
