"""Signing keys and recovery keys of Matrix."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.chat.matrix import keys
from core.errors import BadInput

USER = "@loop:example.org"
# From RFC 8032, 7.1, test 1: the seed and its public key.
RFC_SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
RFC_PUBLIC = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")


def test_public_keys_are_those_of_the_standard() -> None:
    assert keys.decode(keys.public_key(RFC_SEED)) == RFC_PUBLIC


def test_what_is_signed_verifies_and_nothing_else_does() -> None:
    told = keys.sign({"b": 1, "a": "é", "unsigned": {"x": 1}}, user=USER, seed=RFC_SEED)
    public = keys.public_key(RFC_SEED)
    assert keys.is_signed(told, user=USER, public=public)
    assert keys.is_signed({**told, "unsigned": {"x": 2}}, user=USER, public=public)
    assert not keys.is_signed({**told, "b": 2}, user=USER, public=public)
    assert not keys.is_signed(told, user="@eve:example.org", public=public)
    assert not keys.is_signed(told, user=USER, public=keys.public_key(bytes(32)))
    assert not keys.is_signed(
        {**told, "signatures": {USER: {f"ed25519:{public}": "%%"}}}, user=USER, public=public
    )


def test_signing_twice_keeps_both_signatures() -> None:
    told = keys.sign(keys.sign({"a": 1}, user=USER, seed=RFC_SEED), user=USER, seed=bytes(32))
    assert all(
        keys.is_signed(told, user=USER, public=keys.public_key(seed)) for seed in (RFC_SEED, bytes(32))
    )


def test_seeds_survive_being_spelled() -> None:
    seeds = keys.Seeds.fresh()
    assert keys.Seeds.read(seeds.spell()) == seeds
    assert seeds != keys.Seeds.fresh()


def test_only_devices_their_owner_signed_count() -> None:
    seeds = keys.Seeds.fresh()
    public = keys.cross_signing(USER, seeds)
    device = {"device_id": "A", "user_id": USER, "keys": {"ed25519:A": "signed"}}
    other = {"device_id": "B", "user_id": USER, "keys": {"ed25519:B": "unsigned"}}
    answer = {
        "master_keys": {USER: public["master_key"]},
        "self_signing_keys": {USER: public["self_signing_key"]},
        "device_keys": {USER: {"A": keys.sign(device, user=USER, seed=seeds.self_signing), "B": other}},
    }
    assert keys.signed_devices(USER, answer) == {"signed"}
    forged = {
        **answer,
        "self_signing_keys": {USER: keys.cross_signing(USER, keys.Seeds.fresh())["self_signing_key"]},
    }
    assert keys.signed_devices(USER, forged) == frozenset()
    assert keys.signed_devices(USER, {}) == frozenset()


@given(st.binary(min_size=32, max_size=32))
def test_a_recovery_key_reads_back(key: bytes) -> None:
    spelled = keys.spell_recovery(key)
    assert len(spelled.split()) == 12
    assert keys.read_recovery(f"  {spelled.replace(' ', '')} ") == key


@pytest.mark.parametrize("how", ["cut", "letter", "swap", "empty"])
def test_a_mistyped_recovery_key_is_noticed(how: str) -> None:
    spelled = keys.spell_recovery(RFC_SEED).replace(" ", "")
    wrong = {
        "cut": spelled[:-1], "letter": "0" + spelled[1:], "swap": spelled[:5] + spelled[6] + spelled[5] + spelled[7:], "empty": "",
    }[how]  # fmt: skip
    with pytest.raises(BadInput):
        keys.read_recovery(wrong)


def test_a_secret_opens_with_its_key_and_name_alone() -> None:
    hidden = keys.hide(b"the secret", RFC_SEED, "m.cross_signing.master")
    assert keys.reveal(hidden, RFC_SEED, "m.cross_signing.master") == b"the secret"
    for key, name in ((bytes(32), "m.cross_signing.master"), (RFC_SEED, "m.cross_signing.self_signing")):
        with pytest.raises(BadInput):
            keys.reveal(hidden, key, name)


def test_secret_storage_tells_whether_a_key_fits() -> None:
    about = keys.check(RFC_SEED)
    assert keys.fits(about, RFC_SEED)
    assert not keys.fits(about, bytes(32))
