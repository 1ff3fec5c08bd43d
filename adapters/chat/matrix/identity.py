"""The bot's device, vouched for by its owner. Owns: Identity. Imports: core. Effects: uploads keys and signatures, account data.

Current clients neither send keys to a device that its owner did not sign nor show what it says. An account without signing keys gets
fresh ones; keys that exist already come out of secret storage with the recovery key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from adapters.chat.matrix import keys
from adapters.chat.matrix.client import API, Client
from adapters.chat.matrix.faults import Refusal
from adapters.chat.matrix.notebook import Notebook
from core.errors import PortError, Rejected

SEEDS: Final = "cross_signing"
DEFAULT_KEY: Final = "m.secret_storage.default_key"
UNSIGNED: Final = (
    "Set the account's recovery key (or its password, when it has no cross-signing keys yet) and start again; "
    "until then people on strict clients cannot read the bot in encrypted rooms."
)


class Identity:
    """Sees to it that the device is signed. `trouble` says why it is not, or is empty."""

    def __init__(self, client: Client, notebook: Notebook, *, password: str, recovery_key: str) -> None:
        self._client = client
        self._notebook = notebook
        self._password = password
        self._recovery_key = recovery_key
        self.trouble = ""

    async def own_keys(self) -> dict[str, Any]:
        """Return what the server knows of the account's devices and signing keys."""
        user = self._client.user
        return await self._client.ask("POST", f"{API}/keys/query", body={"device_keys": {user: []}})

    async def ensure(self) -> None:
        """Sign the device, making or fetching the account's keys where needed. Raises BadInput for a wrong recovery key."""
        user, answer = self._client.user, await self.own_keys()
        seeds = await self._seeds(answer)
        if seeds is None:
            return
        device = ((answer.get("device_keys") or {}).get(user) or {}).get(self._client.device)
        if device is None:
            self.trouble = "the server does not know this device's keys"
            return
        if not keys.is_signed(device, user=user, public=seeds.public("self_signing")):
            await self._sign(user, device, seeds)
        self.trouble = ""

    async def trust_own(self) -> bool:
        """Take keys from, and give them to, the account's other devices where its own keys signed them; return whether one is new.

        The keys are those kept here, not those the server shows: a server could show its own, with a device that it made.
        """
        user, client, kept = self._client.user, self._client.nio, self._notebook.fact(SEEDS)
        self._client.own_changed, fresh = False, False
        if not kept:
            return False
        try:
            answer = await self.own_keys()
        except PortError:
            self._client.own_changed = True
            raise
        signed = keys.devices_signed_by(keys.Seeds.read(kept).public("self_signing"), user, answer)
        for device in list(client.device_store.active_user_devices(user)):
            if device.id == self._client.device:
                continue
            if device.ed25519 in signed:
                fresh |= client.verify_device(device)
            else:
                client.unverify_device(device)
        return fresh

    async def _seeds(self, answer: Mapping[str, Any]) -> keys.Seeds | None:
        """Return the private keys that fit the account, or None with the trouble named."""
        user = self._client.user
        there = keys.published(user, answer, "master")
        if kept := self._notebook.fact(SEEDS):
            seeds = keys.Seeds.read(kept)
            if there == seeds.public("master"):
                return seeds
            if not there:
                return await self._publish(seeds)
        if not there:
            seeds = keys.Seeds.fresh()
            self._notebook.remember(SEEDS, seeds.spell())
            return await self._publish(seeds)
        if not self._recovery_key:
            self.trouble = "the account has cross-signing keys, and nothing here opens them"
            return None
        seeds = await self._from_storage()
        if seeds.public("master") != there:
            raise Rejected(
                "the account's secret storage holds other signing keys than the account shows",
                remedy=UNSIGNED,
            )
        self._notebook.remember(SEEDS, seeds.spell())
        return seeds

    async def _publish(self, seeds: keys.Seeds) -> keys.Seeds | None:
        path = f"{API}/keys/device_signing/upload"
        body = keys.cross_signing(self._client.user, seeds)
        try:
            await self._client.ask("POST", path, body=body)
        except Refusal as refusal:
            if refusal.status != 401:
                raise
            if not self._password:
                self.trouble = "the server wants the account's password before it takes cross-signing keys"
                return None
            who = {"type": "m.id.user", "user": self._client.user}
            proof = {"type": "m.login.password", "identifier": who, "password": self._password}
            await self._client.ask("POST", path, body={**body, "auth": {**proof, "session": refusal.session}})
        return seeds

    async def _sign(self, user: str, device: Mapping[str, Any], seeds: keys.Seeds) -> None:
        master = keys.cross_signing(user, seeds)["master_key"]
        by_device = self._client.olm.account.sign(keys.canonical(master))
        answer = await self._client.ask(
            "POST",
            f"{API}/keys/signatures/upload",
            body={
                user: {
                    self._client.device: keys.sign(device, user=user, seed=seeds.self_signing),
                    seeds.public("master"): keys.signed(
                        master, user=user, name=self._client.device, signature=_text(by_device)
                    ),
                }
            },
        )
        if answer.get("failures"):
            raise Rejected(f"the homeserver did not take the device's signature ({answer['failures']})"[:300])

    # ── secret storage ───────────────────────────────────────────────────────────────────────────────────────────────

    async def _from_storage(self) -> keys.Seeds:
        key = keys.read_recovery(self._recovery_key)
        default = (await self._data(DEFAULT_KEY)).get("key", "")
        about = await self._data(f"m.secret_storage.key.{default}")
        if not keys.fits(about, key):
            raise Rejected(
                "the recovery key is not that of this account",
                remedy="Copy the account's newest recovery key.",
            )
        found: dict[str, bytes] = {}
        for role in keys.ROLES:
            name = f"m.cross_signing.{role}"
            hidden = ((await self._data(name)).get("encrypted") or {}).get(default)
            if not isinstance(hidden, dict):
                raise Rejected(f"the account's secret storage does not hold {name}", remedy=UNSIGNED)
            found[role] = keys.decode(keys.reveal(hidden, key, name).decode())
        return keys.Seeds(**found)

    async def recovery(self) -> str:
        """Return the recovery key of a fresh secret storage, "" when the account has one or its keys were not made here."""
        if not self._notebook.fact(SEEDS):
            return ""
        try:
            there = (await self._client.ask("GET", self._where(DEFAULT_KEY))).get("key")
        except Refusal as refusal:
            if refusal.status != 404:
                raise
            there = None
        return "" if there else await self.store()

    async def store(self) -> str:
        """Put the signing keys into a fresh secret storage; return the recovery key, which is kept nowhere else."""
        kept = self._notebook.fact(SEEDS)
        if not kept:
            raise Rejected("there are no signing keys here to be kept", remedy=UNSIGNED)
        seeds, key, name = keys.Seeds.read(kept), keys.Seeds.fresh().master, "loopbridge"
        about = {"algorithm": "m.secret_storage.v1.aes-hmac-sha2", "name": "Loopbridge", **keys.check(key)}
        await self._keep(f"m.secret_storage.key.{name}", about)
        for role in keys.ROLES:
            secret = f"m.cross_signing.{role}"
            hidden = keys.hide(keys.encode(getattr(seeds, role)).encode(), key, secret)
            await self._keep(secret, {"encrypted": {name: hidden}})
        await self._keep(DEFAULT_KEY, {"key": name})
        return keys.spell_recovery(key)

    def _where(self, kind: str) -> str:
        return f"{API}/user/{quote(self._client.user, safe='')}/account_data/{quote(kind, safe='')}"

    async def _data(self, kind: str) -> dict[str, Any]:
        try:
            return await self._client.ask("GET", self._where(kind))
        except Refusal as refusal:
            if refusal.status != 404:
                raise
            raise Rejected(
                f"the account has no {kind}: no secret storage was set up for it", remedy=UNSIGNED
            ) from refusal

    async def _keep(self, kind: str, content: Mapping[str, Any]) -> None:
        await self._client.ask("PUT", self._where(kind), body=content)


def _text(signature: Any) -> str:
    """Return a signature of the library as text."""
    return signature if isinstance(signature, str) else str(signature.to_base64())
