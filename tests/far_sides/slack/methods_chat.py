"""chat.* and reactions.*. Owns: METHODS, content. Imports: the modules beside. Effects: changes the world, delivers."""

from __future__ import annotations

from typing import Any

from tests.far_sides.slack import blocks, emoji, events
from tests.far_sides.slack.arguments import Args, wrong
from tests.far_sides.slack.office import Office
from tests.far_sides.slack.world import ApiError, Channel, Message, Team

MAX_TEXT = 40_000
MAX_UPDATE_BYTES = 4_000
MAX_MARKDOWN_TEXT = 12_000


def channel_of(team: Team, args: Args, key: str = "channel", *, joined: bool = False) -> Channel:
    """Return the channel a call is about, by id, #name or person. Raises ApiError."""
    args.needs(key)
    asked = args.text(key)
    channel = team.channels.get(asked) or next(
        (each for each in team.channels.values() if each.kind == "channel" and asked in (each.name, f"#{each.name}")), None
    )  # fmt: skip
    if channel is None and asked in team.users:
        channel = next(
            (each for each in team.channels.values() if each.kind == "im" and asked in each.members), None
        )
    if channel is None or (channel.kind != "channel" and team.bot.id not in channel.members):
        raise ApiError("channel_not_found")
    if joined and team.bot.id not in channel.members:
        raise ApiError("not_in_channel")
    return channel


def message_of(channel: Channel, ts: str) -> Message:
    """Return a message of a channel. Raises ApiError."""
    message = channel.messages.get(ts)
    if message is None or message.deleted:
        raise ApiError("message_not_found")
    return message


def content(office: Office, args: Args) -> dict[str, Any]:
    """Return the text, blocks and attachments of a message that a call describes. Raises ApiError."""
    text = args.text("text")
    given = blocks.decode(args.values["blocks"]) if "blocks" in args else []
    attachments = args.structure("attachments", "invalid_attachments_format") or []
    if "markdown_text" in args:
        if text or given:
            raise ApiError("markdown_text_conflict")
        if len(args.text("markdown_text")) > MAX_MARKDOWN_TEXT:
            raise ApiError("msg_too_long")
        given = [{"type": "markdown", "text": args.text("markdown_text")}]
    blocks.check_message(given)
    if not text and not given and not attachments:
        raise ApiError("no_text")
    if len(attachments) > 100:
        raise ApiError("too_many_attachments")
    for number, block in enumerate(given):
        block.setdefault("block_id", f"b{office.world.number()}")
        for place, (element, _) in enumerate(blocks.elements(block)):
            element.setdefault("action_id", f"a{number}.{place}")
    return {"text": emoji.coded(text[:MAX_TEXT]), "blocks": given, "attachments": attachments}


def metadata_of(args: Args) -> dict[str, Any] | None:
    """Return a message's metadata. Raises ApiError."""
    if "metadata" not in args:
        return None
    given = args.structure("metadata", "invalid_metadata_format")
    if (
        not isinstance(given, dict)
        or not isinstance(given.get("event_payload"), dict)
        or not given.get("event_type")
    ):
        raise ApiError("invalid_metadata_format")
    if len(str(given)) > 16_000:
        raise ApiError("metadata_too_large")
    return given


def thread_of(channel: Channel, args: Args) -> str:
    """Return the root a message is to go under, or "". Raises ApiError."""
    thread_ts = args.text("thread_ts")
    if thread_ts:
        root = channel.messages.get(thread_ts)
        if root is None:
            raise ApiError("thread_not_found")
        if root.thread_ts:
            raise ApiError("cannot_reply_to_message")
    return thread_ts


def post(office: Office, team: Team, args: Args) -> dict[str, Any]:
    channel = channel_of(team, args, joined=True)
    if channel.archived:
        raise ApiError("is_archived")
    described = content(office, args)
    if args.text("parse", "none") not in ("none", "full"):
        raise wrong("must be one of: none, full [json-pointer:/parse]")
    message = Message(
        ts=office.world.ts(), channel=channel.id, team=team.id, user=team.bot.id, bot_id=team.bot.bot_id, app_id=team.app.id,
        thread_ts=thread_of(channel, args), metadata=metadata_of(args),
        link_names=args.flag("link_names") or args.text("parse") == "full",
        unfurl=args.flag("unfurl_links", default=True) or args.flag("unfurl_media", default=True), **described,
    )  # fmt: skip
    if args.flag("reply_broadcast"):
        message.subtype = "thread_broadcast"
    office.post(channel, message)
    answer = {
        "channel": channel.id,
        "ts": message.ts,
        "message": events.message(office.world, channel, message, metadata=True),
    }
    if len(args.text("text")) > MAX_TEXT:
        office.warnings.append(f"chat.postMessage {message.ts}: text cut at {MAX_TEXT}")
        answer["response_metadata"] = {"warnings": ["message_truncated"]}
    return answer


def update(office: Office, team: Team, args: Args) -> dict[str, Any]:
    channel = channel_of(team, args)
    args.needs("ts")
    message = message_of(channel, args.text("ts"))
    if message.bot_id != team.bot.bot_id:
        raise ApiError("cant_update_message")
    if channel.archived:
        raise ApiError("is_archived")
    if len(args.text("text").encode()) > MAX_UPDATE_BYTES:
        raise ApiError("msg_too_long")
    described = content(office, args)
    metadata = metadata_of(args)
    message.remember()
    # Blocks stay only when neither they nor a text are given anew; a text alone replaces them.
    if described["text"] or described["blocks"]:
        message.text, message.blocks = described["text"], described["blocks"]
    if "attachments" in args:
        message.attachments = described["attachments"]
    if metadata is not None:
        message.metadata = metadata
    message.link_names = args.flag("link_names") or args.text("parse", "none") == "full"
    if not message.blocks:
        message.edited = {"user": team.bot.id, "ts": office.world.ts()}
    office.changed(channel, message)
    shown = events.message(office.world, channel, message)
    return {"channel": channel.id, "ts": message.ts, "text": message.text, "message": shown}


def delete(office: Office, team: Team, args: Args) -> dict[str, Any]:
    channel = channel_of(team, args)
    args.needs("ts")
    message = message_of(channel, args.text("ts"))
    if message.bot_id != team.bot.bot_id:
        raise ApiError("cant_delete_message")
    office.remove(channel, message)
    return {"channel": channel.id, "ts": message.ts}


def ephemeral(office: Office, team: Team, args: Args) -> dict[str, Any]:
    channel = channel_of(team, args, joined=True)
    args.needs("user")
    user = team.users.get(args.text("user"))
    if user is None:
        raise ApiError("user_not_found")
    if user.id not in channel.members:
        raise ApiError("user_not_in_channel")
    if channel.archived:
        raise ApiError("is_archived")
    message = Message(
        ts=office.world.ts(), channel=channel.id, team=team.id, user=team.bot.id, bot_id=team.bot.bot_id, app_id=team.app.id,
        thread_ts=thread_of(channel, args), to=user.id, **content(office, args),
    )  # fmt: skip
    root = message.thread_ts
    if not root or any(each.thread_ts == root for each in channel.messages.values()):
        channel.ephemerals.append(message)
    else:
        office.warnings.append(
            f"{message.ts}: an ephemeral message under {root}, which nobody replied to, is not shown"
        )
    return {"message_ts": message.ts}


def permalink(office: Office, team: Team, args: Args) -> dict[str, Any]:
    channel = channel_of(team, args)
    args.needs("message_ts")
    message = message_of(channel, args.text("message_ts"))
    link = f"https://{team.domain}.slack.com/archives/{channel.id}/p{message.ts.replace('.', '')}"
    if message.thread_ts:
        link += f"?thread_ts={message.thread_ts}&cid={channel.id}"
    return {"channel": channel.id, "permalink": link}


def _reacts(office: Office, team: Team, args: Args, *, added: bool) -> dict[str, Any]:
    args.needs("name")
    channel = channel_of(team, args, joined=True)
    if "timestamp" not in args:
        raise ApiError("no_item_specified")
    message = message_of(channel, args.text("timestamp"))
    if channel.archived:
        raise ApiError("is_archived")
    office.react(channel, message, team.bot.id, args.text("name").strip(":"), added=added)
    return {}


def add_reaction(office: Office, team: Team, args: Args) -> dict[str, Any]:
    return _reacts(office, team, args, added=True)


def remove_reaction(office: Office, team: Team, args: Args) -> dict[str, Any]:
    return _reacts(office, team, args, added=False)


def get_reactions(office: Office, team: Team, args: Args) -> dict[str, Any]:
    channel = channel_of(team, args)
    message = message_of(channel, args.text("timestamp"))
    shown = events.message(office.world, channel, message)
    return {"type": "message", "channel": channel.id, "message": shown}


METHODS = {
    "chat.postMessage": post, "chat.update": update, "chat.delete": delete, "chat.postEphemeral": ephemeral,
    "chat.getPermalink": permalink, "reactions.add": add_reaction, "reactions.remove": remove_reaction,
    "reactions.get": get_reactions,
}  # fmt: skip
