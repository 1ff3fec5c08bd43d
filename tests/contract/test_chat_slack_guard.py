"""What must not happen in Slack: wrong tokens in silence, tokens in logs, forged requests, files from elsewhere. Effects: a far side."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from adapters.chat.slack import plugin
from core import events, message
from core.errors import BadInput, LoopbridgeError, PortError, Rejected
from core.testing.chat_rig import opened, taken
from tests.contract.chat_slack_rig import SlackRig, TrueClock
from tests.far_sides.slack import posting


@pytest.fixture
async def rig() -> AsyncIterator[SlackRig]:
    async with SlackRig() as rig:
        yield rig


def built(rig: SlackRig, **changed: object) -> object:
    return plugin.build(clock=TrueClock(), **{**rig.arguments(), **changed})


WRONG: list[tuple[str, Callable[[SlackRig], dict[str, object]]]] = [
    ("without a bot token", lambda rig: {"bot_tokens": []}),
    ("without an app-level token", lambda rig: {"app_token": ""}),
    ("swapped", lambda rig: {"bot_tokens": [rig.slack.app_token], "app_token": rig.slack.bot_token}),
    ("without a signing secret", lambda rig: {"listen_on": ("127.0.0.1", 0), "signing_secret": ""}),
]


@pytest.mark.parametrize(("sentence", "wrong"), WRONG, ids=[sentence for sentence, _ in WRONG])
async def test_what_cannot_work_is_said_at_once(
    rig: SlackRig, sentence: str, wrong: Callable[[SlackRig], dict[str, object]]
) -> None:
    with pytest.raises(BadInput, match=sentence) as said:
        built(rig, **wrong(rig))
    assert said.value.remedy


async def test_bad_tokens_are_one_clear_line(rig: SlackRig) -> None:
    with pytest.raises(Rejected, match="does not know this token"):
        async with built(rig, bot_tokens=["xoxb-1-2-nonsense"]):  # type: ignore[attr-defined]
            pass
    rig.slack.revoke_tokens()
    with pytest.raises(Rejected, match="revoked") as said:
        async with built(rig):  # type: ignore[attr-defined]
            pass
    assert "\n" not in str(said.value)


async def test_one_bad_workspace_does_not_stop_the_others(rig: SlackRig) -> None:
    tokens = [*rig.arguments()["bot_tokens"], "xoxb-1-2-nonsense"]
    async with built(rig, bot_tokens=tokens) as chat:  # type: ignore[attr-defined]
        findings = await chat.probe()
    assert [finding.ok for finding in findings] == [False] + [True] * (len(findings) - 1)
    assert len(findings) > 3


async def test_the_probe_names_what_is_missing(rig: SlackRig) -> None:
    rig.slack.missing_scope("files:write", "reactions:read")
    async with built(rig, app_token="xapp-1-wrong") as chat:  # type: ignore[attr-defined]
        findings = [finding for finding in await chat.probe() if not finding.ok]
    assert "files:write" in findings[0].detail
    assert "reactions:read" in findings[0].detail
    assert "token" in findings[1].detail
    assert all(finding.remedy for finding in findings)


async def test_a_missing_scope_is_named_where_it_hurts(rig: SlackRig) -> None:
    sent = await opened(rig)
    rig.slack.missing_scope("files:write")
    note = message.Message(title="x", blocks=(message.Attachment(name="a.txt", content="a"),))
    with pytest.raises(Rejected, match="files:write") as said:
        await rig.adapter.post(sent.thread, note, key="k")
    assert "files:write" in said.value.remedy
    assert len(rig.slack.transcript("general", sent.message)) == 1


async def test_tokens_are_in_no_log(rig: SlackRig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await rig.reconnect()
    sent = await opened(rig)
    for method, how in (("chat.postMessage", "reset"), ("chat.update", 502), ("apps.connections.open", 500)):
        rig.slack.faults.fail(method, status=how)  # type: ignore[arg-type]
    for attempt in range(2):
        try:
            await rig.adapter.post(sent.thread, message.text("x"), key="k")
        except LoopbridgeError:
            logging.getLogger("test").exception("attempt %d", attempt)
    rig.slack.drop_connections()
    await rig.user_posts("after", thread=sent.thread)
    await taken(rig, events.Posted)
    # What the far side itself writes down is its own affair.
    ours = "\n".join(caplog.handler.format(each) for each in caplog.records if each.name != "aiohttp.access")
    assert "chat.slack" in ours
    tickets = [*rig.slack.office.delivery.tickets, "ticket="]
    for secret in (rig.slack.bot_token, rig.slack.app_token, rig.slack.signing_secret, *tickets):
        assert secret not in ours


# ── files ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_remote_file_is_not_fetched(rig: SlackRig, tmp_path: Path) -> None:
    await rig.slack.user_posts("maya", "general", "look", remote_file="http://127.0.0.1:9/evil.txt")
    (file,) = (await taken(rig, events.Posted)).files
    with pytest.raises(Rejected, match="does not lie at Slack"):
        await rig.adapter.fetch(file, tmp_path / "in", max_bytes=1_000)


CONFUSING = [
    "http://files.slack.com/x", "https://files.slack.com@evil.example/x", "https://files.slack.com.evil.example/x",
    "https://evil.example/files.slack.com/x", "https://evil.example?https://files.slack.com/", "https://files.slack.com:8443/x",
    "https://evil.example#https://files.slack.com/", "//files.slack.com/x", "file:///etc/passwd", "https://FILES.slack.com.:443/x",
    "https:files.slack.com/x", "https://files.slack.com\\@evil.example/x", "",
]  # fmt: skip


@pytest.mark.parametrize("address", CONFUSING)
async def test_the_token_goes_to_slack_alone(rig: SlackRig, address: str) -> None:
    home = next(iter(rig.adapter._workspaces.values()))
    with pytest.raises(Rejected, match="does not lie at Slack"):
        await home.api.download(address, name="x", max_bytes=10)


async def test_a_login_page_is_no_file(rig: SlackRig, tmp_path: Path) -> None:
    await rig.user_posts("see", files={"a.txt": b"content"})
    (file,) = (await taken(rig, events.Posted)).files
    rig.slack.missing_scope("files:read")
    with pytest.raises(PortError, match="files:read"):
        await rig.adapter.fetch(file, tmp_path / "in", max_bytes=1_000)
    assert not await asyncio.to_thread((tmp_path / "in").exists)


# ── requests ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_only_slack_is_let_in() -> None:
    async with SlackRig(http=True) as rig:
        app = rig.slack.team().app
        assert await rig.slack.verify_url(app.request_url)
        body = b'{"type": "event_callback", "event": {"type": "message"}}'
        good = {**posting.signed(app, body), "Content-Type": "application/json"}
        stamp, signature = good["X-Slack-Request-Timestamp"], good["X-Slack-Signature"]
        forged = [
            ({**good, "X-Slack-Signature": "v0=" + "0" * 64}, 401),
            ({**good, "X-Slack-Signature": ""}, 401),
            ({**good, "X-Slack-Signature": signature.replace("v0=", "v1=")}, 401),
            ({**good, "X-Slack-Signature": "v0=ü"}, 401),
            ({**good, "X-Slack-Request-Timestamp": str(int(stamp) + 1)}, 401),
            ({**good, "X-Slack-Request-Timestamp": "soon"}, 400),
            ({**good, "X-Slack-Request-Timestamp": "-5"}, 400),
            ({**good, "X-Slack-Request-Timestamp": "١٢٣"}, 400),
            ({**good, "X-Slack-Request-Timestamp": ""}, 400),
            ({**posting.signed(app, body, at=time.time() - 400), "Content-Type": "application/json"}, 401),
            ({**posting.signed(app, body, at=time.time() + 400), "Content-Type": "application/json"}, 401),
            (good, 200),
            (good, 409),
        ]
        for headers, status in forged:
            assert (await rig.slack.deliver(body, headers))[0] == status, headers
        assert (await rig.slack.deliver(body + b" ", posting.signed(app, body)))[0] == 401
        await rig.user_posts("still here")
        assert (await taken(rig, events.Posted)).text == "still here"


async def test_an_outside_address_is_not_listened_on(rig: SlackRig) -> None:
    async with built(rig, listen_on=("0.0.0.0", 0)) as chat:  # type: ignore[attr-defined] # noqa: S104 - refused
        with pytest.raises(Rejected, match="outside"):
            await chat.listen(rig.emit)


async def test_a_request_that_cannot_be_stored_is_not_answered_with_success() -> None:
    async with SlackRig(http=True) as rig:
        rig.fails = 1
        assert not (await rig.slack.user_slash("maya", "general", "/loop list")).acked
        assert (await rig.slack.user_slash("maya", "general", "/loop list")).acked
