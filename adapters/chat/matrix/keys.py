"""Signing keys and secret storage: the arithmetic. Owns: Seeds, signing, recovery keys. Imports: pycryptodome (the SDK's own). Effects: randomness.

A person's devices are vouched for by three Ed25519 keys (cross-signing): a master key signs the two others, the self-signing key signs
devices. A recovery key opens the copies of them that the homeserver keeps encrypted (secret storage).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from Crypto.Cipher import AES
from Crypto.Hash import SHA256
from Crypto.Protocol.KDF import HKDF
from Crypto.PublicKey import ECC
from Crypto.Signature import eddsa

from core.errors import BadInput

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
PREFIX = b"\x8b\x01"
ROLES = ("master", "self_signing", "user_signing")
Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeds:
    """The private halves of the three keys, 32 bytes each."""

    master: bytes
    self_signing: bytes
    user_signing: bytes

    @classmethod
    def fresh(cls) -> Seeds:
        """Draw new ones."""
        return cls(**{role: secrets.token_bytes(32) for role in ROLES})

    @classmethod
    def read(cls, told: str) -> Seeds:
        """Read what `spell` spelled."""
        return cls(**{role: decode(seed) for role, seed in json.loads(told).items()})

    def spell(self) -> str:
        """Return them as text."""
        return json.dumps({role: encode(getattr(self, role)) for role in ROLES})

    def public(self, role: str) -> str:
        """Return the public half of one of them, unpadded base64."""
        return public_key(getattr(self, role))


def encode(data: bytes) -> str:
    """Return unpadded base64."""
    return base64.b64encode(data).decode().rstrip("=")


def decode(text: str) -> bytes:
    """Read unpadded base64. Raises BadInput for anything else."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise BadInput("a key is not spelled in base64") from exc


def public_key(seed: bytes) -> str:
    """Return the public half of an Ed25519 seed, unpadded base64."""
    return encode(ECC.construct(curve="Ed25519", seed=seed).public_key().export_key(format="raw"))


def canonical(told: Object) -> str:
    """Return the JSON that is signed: sorted, dense, without what is not covered by signatures."""
    kept = {name: value for name, value in told.items() if name not in ("signatures", "unsigned")}
    return json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def signed(told: Object, *, user: str, name: str, signature: str) -> dict[str, Any]:
    """Return an object with one more signature; `name` is the public key or the device's id."""
    had: Mapping[str, Mapping[str, str]] = told.get("signatures") or {}
    return {**told, "signatures": {**had, user: {**had.get(user, {}), f"ed25519:{name}": signature}}}


def sign(told: Object, *, user: str, seed: bytes) -> dict[str, Any]:
    """Return an object signed by a seed's key."""
    key = ECC.construct(curve="Ed25519", seed=seed)
    signature = encode(eddsa.new(key, "rfc8032").sign(canonical(told).encode()))
    return signed(told, user=user, name=public_key(seed), signature=signature)


def is_signed(told: Object, *, user: str, public: str) -> bool:
    """Whether an object carries a good signature by a public key of a user."""
    spelled = ((told.get("signatures") or {}).get(user) or {}).get(f"ed25519:{public}")
    if not isinstance(spelled, str):
        return False
    try:
        key = eddsa.import_public_key(decode(public))
        eddsa.new(key, "rfc8032").verify(canonical(told).encode(), decode(spelled))
    except (ValueError, BadInput):
        return False
    return True


def cross_signing(user: str, seeds: Seeds) -> dict[str, Any]:
    """Return the public keys as they are uploaded."""
    told: dict[str, Any] = {}
    for role in ROLES:
        public = seeds.public(role)
        key = {"user_id": user, "usage": [role], "keys": {f"ed25519:{public}": public}}
        told[f"{role}_key"] = key if role == "master" else sign(key, user=user, seed=seeds.master)
    return told


def published(user: str, answer: Object, role: str) -> str:
    """Return the public key of a role out of an answer to keys/query, "" when there is none."""
    key = ((answer.get(f"{role}_keys") or {}).get(user) or {}).get("keys") or {}
    return next(iter(key.values()), "")


def signed_devices(user: str, answer: Object) -> frozenset[str]:
    """Return the Ed25519 keys of the devices a user signed, out of an answer to keys/query."""
    master, own = published(user, answer, "master"), published(user, answer, "self_signing")
    key = (answer.get("self_signing_keys") or {}).get(user) or {}
    if not own or not is_signed(key, user=user, public=master):
        return frozenset()
    return devices_signed_by(own, user, answer)


def devices_signed_by(own: str, user: str, answer: Object) -> frozenset[str]:
    """Return the Ed25519 keys of a user's devices that a self-signing key signed, out of an answer to keys/query."""
    devices = ((answer.get("device_keys") or {}).get(user) or {}).values()
    return frozenset(
        device["keys"].get(f"ed25519:{device.get('device_id')}", "")
        for device in devices
        if is_signed(device, user=user, public=own)
    )


# ── secret storage ───────────────────────────────────────────────────────────────────────────────────────────────────


def spell_recovery(key: bytes) -> str:
    """Return a recovery key as people write it down."""
    raw = PREFIX + key
    raw += bytes([_parity(raw)])
    number, digits = int.from_bytes(raw, "big"), ""
    while number:
        number, place = divmod(number, 58)
        digits = ALPHABET[place] + digits
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))


def read_recovery(words: str) -> bytes:
    """Return the 32 bytes of a recovery key. Raises BadInput when it was mistyped."""
    number = 0
    for sign_ in "".join(words.split()):
        place = ALPHABET.find(sign_)
        if place < 0:
            raise BadInput(f"a recovery key has no {sign_!r} in it", remedy="Copy it again, whole.")
        number = number * 58 + place
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    if len(raw) != 35 or not raw.startswith(PREFIX) or _parity(raw):
        raise BadInput(
            "the recovery key is mistyped or cut", remedy="Copy it again, whole: 12 groups of 4 characters."
        )
    return raw[2:34]


def _parity(raw: bytes) -> int:
    parity = 0
    for byte in raw:
        parity ^= byte
    return parity


def hide(secret: bytes, key: bytes, name: str) -> dict[str, str]:
    """Encrypt a secret under a recovery key; `name` is the secret's, "" for the key's own check."""
    iv = bytearray(secrets.token_bytes(16))
    iv[8] &= 0x7F
    return _hide(secret, key, name, bytes(iv))


def _hide(secret: bytes, key: bytes, name: str, iv: bytes) -> dict[str, str]:
    cipher_key, mac_key = _derive(key, name)
    hidden = _ctr(cipher_key, iv).encrypt(secret)
    mac = hmac.digest(mac_key, hidden, "sha256")
    return {"iv": encode(iv), "ciphertext": encode(hidden), "mac": encode(mac)}


def reveal(told: Object, key: bytes, name: str) -> bytes:
    """Decrypt a secret. Raises BadInput when the key is not the one it was encrypted under."""
    cipher_key, mac_key = _derive(key, name)
    hidden = decode(told["ciphertext"])
    if not hmac.compare_digest(hmac.digest(mac_key, hidden, "sha256"), decode(told["mac"])):
        raise BadInput(
            "the recovery key does not open the account's secret storage",
            remedy="Is it this account's, and the newest?",
        )
    return cast("bytes", _ctr(cipher_key, decode(told["iv"])).decrypt(hidden))


def check(key: bytes) -> dict[str, str]:
    """Return what secret storage says of a key, so that a wrong one is noticed."""
    told = hide(bytes(32), key, "")
    return {"iv": told["iv"], "mac": told["mac"]}


def fits(told: Object, key: bytes) -> bool:
    """Whether a key is the one that secret storage speaks of."""
    if "iv" not in told or "mac" not in told:
        return True
    again = _hide(bytes(32), key, "", decode(told["iv"]))
    return hmac.compare_digest(decode(again["mac"]), decode(told["mac"]))


def _derive(key: bytes, name: str) -> tuple[bytes, bytes]:
    made = HKDF(key, 64, bytes(32), SHA256, context=name.encode())
    return made[:32], made[32:]


def _ctr(key: bytes, iv: bytes) -> Any:
    return AES.new(key, AES.MODE_CTR, nonce=b"", initial_value=iv)
