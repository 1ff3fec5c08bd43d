"""Encryption: keys that are late or kept back, devices that do not fit, signatures, recovery keys, one owner."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

import pytest

from adapters.chat.matrix import keys
from core import events, message
from core.errors import BadInput, Rejected, Unavailable
from core.ports import Finding
from core.testing.chat_rig import opened, taken, texts
from tests.contract.chat_matrix_rig import MatrixRig
from tests.contract.matrix_fixtures import crowd, encrypted, homeserver
from tests.patience import PATIENCE

__all__ = ["crowd", "encrypted", "homeserver"]


@pytest.fixture
async def rig(encrypted: MatrixRig) -> MatrixRig:
    return encrypted


async def findings(rig: MatrixRig) -> dict[str, Finding]:
    return {finding.name: finding for finding in await rig.adapter.probe()}


async def own_keys(rig: MatrixRig) -> dict[str, Any]:
    body: dict[str, Any] = {"device_keys": {rig.bot_mention: []}}
    return await rig.synapse.ask("POST", "/_matrix/client/v3/keys/query", token=rig.token, body=body)


# ── keys of messages ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_message_whose_key_stays_away_is_told_of_once_and_read_when_it_comes(rig: MatrixRig) -> None:
    sent = await opened(rig)
    await rig.people.ask("maya", "withhold", room=rig.room, user=rig.bot_mention)
    await rig.user_posts("sealed", thread=sent.thread)
    await rig.user_posts("sealed too", thread=sent.thread)
    await rig.user_posts("in clear", thread=sent.thread, who="ravi")
    assert (await taken(rig, events.Posted)).text == "in clear"
    await rig.close()
    assert rig.state("SELECT count(*) FROM sealed") == [(2,)]
    rig.state("UPDATE sealed SET at = at - 60")
    await rig.open()
    await rig.user_posts("again", thread=sent.thread, who="ravi")
    await taken(rig, events.Posted)
    await rig.people.ask("ravi", "said", room=rig.room, words="I cannot read what")
    await rig.reconnect()
    await rig.user_posts("and again", thread=sent.thread, who="ravi")
    assert len([each for each in await texts(rig, sent.thread) if "I cannot read what maya" in each]) == 1
    await rig.people.ask("maya", "hand_over", user=rig.bot_mention)
    got: list[str] = []
    while len(got) < 2 or "sealed too" not in got:
        got.append((await taken(rig, events.Posted)).text)
    assert [text for text in got if text.startswith("sealed")] == ["sealed", "sealed too"]


async def second_device(rig: MatrixRig) -> str:
    """Log the bot's account in on a second device that holds the bridge's for good, and have it meet everybody; return its id."""
    account = {"type": "m.id.user", "user": rig.bot_mention}
    body = {"type": "m.login.password", "identifier": account, "password": rig.given["password"]}
    made = await rig.synapse.ask("POST", "/_matrix/client/v3/login", body=body)
    device = str(made["device_id"])
    await rig.people.ask("loop", "login", user=rig.bot_mention, device=device, token=made["access_token"])
    await rig.people.ask("loop", "trust", device=rig.device)
    return device


def seeds(rig: MatrixRig) -> str:
    """Return the signing keys of the bot's account, which the bridge made."""
    return str(rig.state("SELECT value FROM fact WHERE name = 'cross_signing'")[0][0])


async def test_another_device_of_the_account_hands_a_key_over(rig: MatrixRig) -> None:
    sent = await opened(rig)
    device = await second_device(rig)
    await rig.people.ask("loop", "signed_by", seeds=seeds(rig))
    await rig.people.ask("maya", "withhold", room=rig.room, user=rig.bot_mention, but=[device])
    await rig.user_posts("sealed", thread=sent.thread)
    assert (await taken(rig, events.Posted)).text == "sealed"
    rig.note_stored()
    await rig.reconnect()
    await rig.user_posts("the end", thread=sent.thread, who="ravi")
    assert (await taken(rig, events.Posted)).text == "the end"
    assert rig.state("SELECT count(*) FROM sealed") == [(0,)]
    assert not [each for each in await texts(rig, sent.thread) if "I cannot read" in each]


async def test_a_device_is_asked_for_keys_once_its_owner_signed_it(rig: MatrixRig) -> None:
    sent = await opened(rig)
    device = await second_device(rig)
    await rig.people.ask("maya", "withhold", room=rig.room, user=rig.bot_mention, but=[device])
    await rig.user_posts("sealed", thread=sent.thread)
    await rig.user_posts("in clear", thread=sent.thread, who="ravi")
    assert (await taken(rig, events.Posted)).text == "in clear"
    rig.note_stored()
    await rig.close()
    rig.state("UPDATE sealed SET at = at - 60")
    await rig.open()
    await rig.people.ask("ravi", "said", room=rig.room, words="I cannot read what")
    await rig.people.ask("loop", "signed_by", seeds=seeds(rig))
    assert (await taken(rig, events.Posted)).text == "sealed"
    await rig.user_posts("the end", thread=sent.thread, who="ravi")
    assert (await taken(rig, events.Posted)).text == "the end"
    assert len([each for each in await texts(rig, sent.thread) if "I cannot read" in each]) == 1


async def test_only_its_own_signature_makes_a_device_one_of_the_accounts(rig: MatrixRig) -> None:
    published = seeds(rig)
    rig.state(
        "UPDATE fact SET value = ? WHERE name = 'cross_signing'", keys.Seeds.fresh().spell()
    )  # what the server shows is not what was made here
    await opened(rig)
    device = await second_device(rig)
    await rig.people.ask("loop", "signed_by", seeds=published)
    identity, store = rig.parts.identity, rig.parts.client.nio.device_store
    async with asyncio.timeout(PATIENCE):
        while device not in store[rig.bot_mention]:  # noqa: ASYNC110 - the library tells no one
            await asyncio.sleep(0.02)
    await rig.engine.do(identity.trust_own())
    assert not store[rig.bot_mention][device].verified


async def test_history_is_decrypted_edits_too(rig: MatrixRig) -> None:
    sent = await opened(rig, "root")
    reply = await rig.user_posts("old", thread=sent.thread, who="ravi")
    await rig.user_edits(reply, "new", who="ravi")
    await rig.user_edits(sent, "better root")
    for _ in range(3):
        await rig.next_event()
    await rig.reconnect()
    known = await rig.adapter.history(sent.thread, upto=reply.message, limit=5)
    assert [each.text for each in known.messages] == ["better root", "new"]


async def test_a_sealed_file_keeps_its_key_out_of_events(rig: MatrixRig) -> None:
    await rig.user_posts("log", files={"a.log": b"12345"})
    (file,) = (await taken(rig, events.Posted)).files
    assert '"k"' not in repr(file)
    into = rig.home / "in"
    await rig.adapter.fetch(file, into, max_bytes=10)
    assert into.read_bytes() == b"12345"


async def test_unsigned_devices_get_no_keys_where_that_is_the_rule(rig: MatrixRig) -> None:
    await rig.people.ask("ravi", "sign", password=rig.accounts["ravi"].password)
    await rig.close()
    await rig.open(unsigned_devices="withhold")
    sent = await opened(rig)
    await rig.adapter.post(sent.thread, message.text("for signed devices"), key="k")
    assert "for signed devices" in [seen.text for seen in await rig.transcript(sent.thread, who="ravi")]
    assert "for signed devices" not in await texts(rig, sent.thread)


# ── the device ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_device_is_signed_and_stays_so(rig: MatrixRig) -> None:
    assert all(finding.ok for finding in (await findings(rig)).values())
    answer = await own_keys(rig)
    device = answer["device_keys"][rig.bot_mention][rig.device]
    assert device["keys"][f"ed25519:{device['device_id']}"] in keys.signed_devices(rig.bot_mention, answer)
    master = answer["master_keys"][rig.bot_mention]["keys"]
    await rig.reconnect()
    assert (await own_keys(rig))["master_keys"][rig.bot_mention]["keys"] == master


async def test_a_lost_crypto_store_is_refused_with_the_way_out(rig: MatrixRig) -> None:
    await rig.close()
    for each in (rig.home / "matrix").glob("crypto.db*"):
        each.unlink()
    with pytest.raises(Rejected) as caught:
        await rig.open()
    assert "does not fit" in str(caught.value)
    assert "new device" in caught.value.remedy
    (rig.home / "matrix").rename(rig.home / "away")
    await rig.open()
    sent = await opened(rig)
    await rig.adapter.post(sent.thread, message.text("from the new device"), key="k")
    assert "from the new device" in await texts(rig, sent.thread)
    signature = (await findings(rig))["matrix: cross-signing"]
    assert not signature.ok
    assert "recovery key" in signature.remedy


async def test_another_device_or_user_than_the_stores_is_refused(rig: MatrixRig) -> None:
    await rig.close()
    for options in ({"device_id": "OTHER"}, {"user_id": "@other:synapse.test"}):
        with pytest.raises(Rejected, match="does not fit"):
            await rig.open(**options)
    other = await rig.synapse.register("loop")
    with pytest.raises(BadInput, match="belongs to"):
        await rig.open(access_token=other.token)
    await rig.open()


async def test_a_device_has_one_owner(rig: MatrixRig) -> None:
    second = rig.build()
    with pytest.raises(Rejected, match="another process"):
        await second.__aenter__()
    await second.__aexit__(None, None, None)
    await opened(rig)


async def test_an_access_token_is_enough_and_its_device_is_kept(rig: MatrixRig) -> None:
    await rig.close()
    bot = await rig.synapse.register("loop")
    rig.given |= {"user_id": bot.user, "access_token": bot.token, "password": "", "home": str(rig.home / "b")}
    rig.home, rig.bot_mention = rig.home / "b", bot.user
    await rig.open()
    assert rig.device == bot.device
    assert (await findings(rig))["matrix: cross-signing"].ok
    rig.room = await rig.new_room()
    await opened(rig)


async def test_a_new_device_is_signed_with_the_recovery_key(rig: MatrixRig) -> None:
    recovery = await rig.chat.make_recovery_key()
    master = (await own_keys(rig))["master_keys"][rig.bot_mention]["keys"]
    await rig.close()
    (rig.home / "matrix").rename(rig.home / "away")
    with pytest.raises(BadInput, match="mistyped"):
        await rig.open(recovery_key=recovery[:-1])
    await rig.open(recovery_key=keys.spell_recovery(bytes(32)))
    assert "not that of this account" in (await findings(rig))["matrix: cross-signing"].detail
    await rig.close()
    await rig.open(recovery_key=recovery)
    assert (await findings(rig))["matrix: cross-signing"].ok
    assert (await own_keys(rig))["master_keys"][rig.bot_mention]["keys"] == master


async def test_a_dead_token_is_replaced_and_the_device_stays(rig: MatrixRig) -> None:
    sent = await opened(rig)
    device = rig.device
    await rig.synapse.ask("POST", "/_matrix/client/v3/logout", token=rig.token, body={})
    await rig.user_posts("wakes the stream up")
    with pytest.raises(Unavailable, match="access token"):
        await asyncio.wait_for(rig.listening, PATIENCE)
    await rig.reconnect()
    assert rig.device == device
    assert all(finding.ok for finding in (await findings(rig)).values())
    await rig.adapter.post(sent.thread, message.text("heard"), key="k")
    assert "heard" in await texts(rig, sent.thread)


# ── what a server could try ──────────────────────────────────────────────────────────────────────────────────────────


async def test_a_message_hung_on_somebody_else_or_on_another_room_is_not_read(rig: MatrixRig) -> None:
    sent = await opened(rig)
    path = f"/_matrix/client/v3/rooms/{quote(rig.room)}/event/{quote(sent.message)}"
    raw = await rig.synapse.ask("GET", path, token=rig.accounts["maya"].token)
    assert raw["type"] == "m.room.encrypted"

    async def read(room: str, **change: Any) -> dict[str, Any] | None:
        return rig.parts.client.open(room, {**raw, **change})

    as_sent = await rig.engine.do(read(rig.room))
    assert as_sent is not None
    assert as_sent["content"]["body"] == "the login test fails again"
    assert await rig.engine.do(read(rig.room, sender=rig.accounts["ravi"].user)) is None
    assert await rig.engine.do(read("!elsewhere:synapse.test")) is None


async def test_nothing_goes_out_in_clear_while_the_room_is_not_known_yet(rig: MatrixRig) -> None:
    sent = await opened(rig)
    client = rig.parts.client
    client.nio.rooms.pop(rig.room)
    client.nio.encrypted_rooms.discard(rig.room)
    with pytest.raises(Unavailable):
        await rig.adapter.post(sent.thread, message.text("secret"), key="k")
    assert await texts(rig, sent.thread) == ["the login test fails again"]
