"""Which device the bot is. Owns: Account, enter. Imports: core. Effects: logs in, restores the device, checks that its store fits.

A device and its crypto store belong together: the store's keys are what the server tells others about the device. One that does not
fit would make every encrypted message unreadable without a word, so it is refused with the way out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from adapters.chat.matrix.client import API, Client
from adapters.chat.matrix.faults import UNKNOWN_TOKEN, Refusal
from adapters.chat.matrix.notebook import Notebook
from core.errors import BadInput, Rejected

DEVICE: Final = "device"
OTHER: Final = "Put that account into matrix.user_id, or give what belongs to the one that stands there. Nothing was changed."


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who the bot is, as configured. Without `password` and `access_token` it is the device kept from before."""

    user: str
    password: str = field(default="", repr=False)
    access_token: str = field(default="", repr=False)
    device: str = ""


async def enter(client: Client, notebook: Notebook, account: Account, folder: Path) -> None:
    """Make `client` act as the bot's device, logging in when there is no device yet or its token is dead."""
    kept: dict[str, str] = json.loads(notebook.fact(DEVICE) or "{}")
    if kept:
        _same(kept, account, folder)
    token = account.access_token or kept.get("token", "")
    if not token:
        kept = await _log_in(client, account, kept.get("device") or account.device)
    else:
        try:
            kept = await _whoami(client, account, token)
        except Refusal as refusal:
            if refusal.code != UNKNOWN_TOKEN or not account.password:
                raise
            kept = await _log_in(client, account, kept.get("device") or account.device)
    if (known := json.loads(notebook.fact(DEVICE) or "{}")) and known["device"] != kept["device"]:
        raise _misfit(folder, f"it belongs to device {known['device']}, and the token to {kept['device']}")
    notebook.remember(DEVICE, json.dumps(kept))
    client.restore(kept["user"], kept["device"], kept["token"])
    await _fit(client, folder)


def _same(kept: dict[str, str], account: Account, folder: Path) -> None:
    if kept["user"] != account.user:
        raise _misfit(folder, f"it belongs to {kept['user']}, and the settings name {account.user}")
    if account.device and kept["device"] != account.device:
        raise _misfit(
            folder, f"it belongs to device {kept['device']}, and the settings name {account.device}"
        )


def _misfit(folder: Path, why: str) -> Rejected:
    return Rejected(
        f"the state in {folder} does not fit the bot's device: {why}. Nothing there was changed",
        remedy=f"Put the right state back from a backup; or move {folder} away and start with the account's password"
        " (or a fresh access token): the bot then is a new device, which cannot read encrypted messages from before.",
    )


async def _log_in(client: Client, account: Account, device: str) -> dict[str, str]:
    if not account.password:
        raise BadInput(
            "Matrix needs the bot account's password or an access token: no device of it is kept here yet",
            remedy="Give `password` or `access_token` in the settings, or put the home's folder `keys/matrix` back from a backup.",
        )
    body: dict[str, Any] = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": account.user},
        "password": account.password,
        "initial_device_display_name": "Loopbridge",
    }
    if device:
        body["device_id"] = device
    try:
        answer = await client.ask("POST", f"{API}/login", body=body)
    except Refusal as refusal:
        if refusal.code != "M_FORBIDDEN":
            raise
        raise Rejected(
            f"the homeserver does not take the bot's password ({refusal})",
            remedy="Look whether matrix.user_id and the password belong together. Nothing was changed.",
        ) from refusal
    if answer["user_id"] != account.user:
        raise BadInput(
            f"the account is {answer['user_id']}, and the settings say {account.user}", remedy=OTHER
        )
    return {"user": answer["user_id"], "device": answer["device_id"], "token": answer["access_token"]}


async def _whoami(client: Client, account: Account, token: str) -> dict[str, str]:
    client.nio.access_token = token
    try:
        answer = await client.ask("GET", f"{API}/account/whoami")
    finally:
        client.nio.access_token = ""
    if answer.get("user_id") != account.user:
        raise BadInput(
            f"the access token belongs to {answer.get('user_id')}, and the settings say {account.user}",
            remedy=OTHER,
        )
    if not answer.get("device_id"):
        raise BadInput(
            "the access token belongs to no device", remedy="Get one by logging in, or give the password."
        )
    if account.device and answer["device_id"] != account.device:
        raise BadInput(
            f"the access token belongs to device {answer['device_id']}, and the settings say {account.device}",
            remedy="Leave matrix.device_id empty, or give the token of that device. Nothing was changed.",
        )
    return {"user": answer["user_id"], "device": answer["device_id"], "token": token}


async def _fit(client: Client, folder: Path) -> None:
    """Compare what the server tells of the device with the store; upload the keys when it tells nothing."""
    answer = await client.ask(
        "POST", f"{API}/keys/query", body={"device_keys": {client.user: [client.device]}}
    )
    device = ((answer.get("device_keys") or {}).get(client.user) or {}).get(client.device) or {}
    there = (device.get("keys") or {}).get(f"ed25519:{client.device}")
    here = client.olm.account.identity_keys["ed25519"]
    if there is not None and there != here:
        raise _misfit(folder, "the server knows the device by other keys than those in its crypto store")
    if there is None:
        client.olm.account.shared = False
    await client.upkeep()
