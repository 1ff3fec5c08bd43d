"""What `doctor` hears of Matrix. Owns: probe. Imports: core. Effects: asks the homeserver."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from email.utils import parsedate_to_datetime
from typing import Final

from adapters.chat.matrix.client import API, Client
from adapters.chat.matrix.identity import UNSIGNED, Identity
from core.errors import LoopbridgeError, Rejected
from core.ports import Clock, Finding

SKEW: Final = 60.0  # seconds the clocks may differ


async def probe(client: Client, identity: Identity, clock: Clock) -> Sequence[Finding]:
    """Try everything the adapter needs; a failure of one does not keep the others from being tried."""

    async def server() -> str:
        told = await client.ask("GET", "/_matrix/client/versions")
        versions = told.get("versions") or ["?"]
        return f"the homeserver answers and speaks up to {versions[-1]}"

    async def account() -> str:
        told = await client.ask("GET", f"{API}/account/whoami")
        return f"the token is good: {told.get('user_id')} on device {told.get('device_id')}"

    async def device() -> str:
        told = await identity.own_keys()
        known = ((told.get("device_keys") or {}).get(client.user) or {}).get(client.device) or {}
        there = (known.get("keys") or {}).get(f"ed25519:{client.device}")
        if there != client.olm.account.identity_keys["ed25519"]:
            raise Rejected(
                "the server knows the device by other keys than those in the crypto store",
                remedy="See “A new device” in docs/matrix.md.",
            )
        return "the crypto store fits the device"

    async def signature() -> str:
        if identity.trouble:
            raise Rejected(identity.trouble, remedy=UNSIGNED)
        return "the device is signed by its owner"

    async def time() -> str:
        if not client.date:
            return "the homeserver does not tell its time"
        apart = abs((clock.now() - parsedate_to_datetime(client.date)).total_seconds())
        if apart > SKEW:
            raise Rejected(
                f"this machine's clock and the homeserver's are {apart:.0f} s apart",
                remedy="Let both keep their time by NTP.",
            )
        return "the clocks agree"

    checks: dict[str, Callable[[], Awaitable[str]]] = {
        "server": server, "account": account, "crypto store": device, "cross-signing": signature, "clock": time,
    }  # fmt: skip
    return [await _tried(f"matrix: {name}", check) for name, check in checks.items()]


async def _tried(name: str, check: Callable[[], Awaitable[str]]) -> Finding:
    try:
        return Finding(name=name, ok=True, detail=await check())
    except LoopbridgeError as error:
        return Finding(name=name, ok=False, detail=str(error), remedy=error.remedy)
