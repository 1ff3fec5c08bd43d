"""A real Matrix homeserver for the tests. Owns: Synapse, shared. Effects: starts one Synapse per test run, on loopback.

`scripts/bootstrap-synapse` prepares the server's own environment. It takes some seconds to start, so all workers of a run share one;
each test uses accounts and rooms of its own.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import hmac
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.far_sides import synapse_keeper

PATIENCE = synapse_keeper.PATIENCE + 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user that was registered: `device` and `token` are empty unless it was logged in at once."""

    user: str
    password: str
    token: str = ""
    device: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Synapse:
    """A running homeserver. `secret` registers administrators."""

    url: str
    server_name: str
    secret: str

    async def register(self, name: str, *, admin: bool = False) -> Account:
        """Register a user whose name starts with `name`, and log it in once."""
        name, password = f"{name}-{secrets.token_hex(4)}", secrets.token_urlsafe(18)
        path = "/_synapse/admin/v1/register"
        nonce = (await self.ask("GET", path))["nonce"]
        told = b"\0".join(
            (nonce.encode(), name.encode(), password.encode(), b"admin" if admin else b"notadmin")
        )
        mac = hmac.new(self.secret.encode(), told, hashlib.sha1).hexdigest()
        made = await self.ask(
            "POST",
            path,
            body={"nonce": nonce, "username": name, "password": password, "admin": admin, "mac": mac},
        )
        return Account(
            user=made["user_id"], password=password, token=made["access_token"], device=made["device_id"]
        )

    async def ask(self, method: str, path: str, *, token: str = "", body: Any = None) -> dict[str, Any]:
        """Make one request; an answer of 400 or more fails the test."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, self.url + path, json=body, headers=headers) as answer,
        ):
            told: dict[str, Any] = await answer.json()
            assert answer.status < 400, (method, path, answer.status, told)
            return told


@contextlib.contextmanager
def shared(folder: Path) -> Iterator[Synapse]:
    """Yield the homeserver of `folder`, starting it when nobody has; the last one to leave ends it."""
    if not synapse_keeper.PYTHON.exists():
        raise RuntimeError("there is no Synapse here: run scripts/bootstrap-synapse")
    folder.mkdir(exist_ok=True)
    with (folder / "users").open("w") as users:
        with (folder / "starting").open("w") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            fcntl.flock(users, fcntl.LOCK_SH)
            if not (folder / "ready").exists():
                subprocess.Popen(
                    [sys.executable, "-m", "tests.far_sides.synapse_keeper", str(folder)],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    cwd=synapse_keeper.ROOT,
                ).returncode = 0  # it outlives whoever started it, on purpose
                _wait(folder)
        yield Synapse(**json.loads((folder / "ready").read_text()))


def _wait(folder: Path) -> None:
    begun = time.monotonic()
    while not (folder / "ready").exists():
        if (folder / "failed").exists():
            raise RuntimeError(f"Synapse did not start: {(folder / 'failed').read_text()}")
        if time.monotonic() - begun > PATIENCE:
            raise RuntimeError("Synapse did not start in time")
        time.sleep(0.05)
