"""conversations.*. Owns: METHODS. Imports: the modules beside. Effects: changes the world."""

from __future__ import annotations

import re
from typing import Any

from tests.far_sides.slack import events
from tests.far_sides.slack.arguments import Args, wrong
from tests.far_sides.slack.methods_chat import channel_of
from tests.far_sides.slack.office import Office
from tests.far_sides.slack.world import ApiError, Channel, Message, Team

MAX_HISTORY = 999
KINDS = {"public_channel": "channel", "private_channel": "group", "im": "im", "mpim": "mpim"}
TS = re.compile(r"\d{1,12}(\.\d{1,6})?")


def _stamp(args: Args, key: str) -> tuple[int, int] | None:
    given = args.text(key)
    if not given or given == "now":
        return None
    if not TS.fullmatch(given):
        raise ApiError(f"invalid_ts_{key}")
    return stamp(given)


def stamp(ts: str) -> tuple[int, int]:
    """Return a timestamp as something that can be compared."""
    seconds, _, micros = ts.partition(".")
    return int(seconds), int(micros.ljust(6, "0") or 0)


def _window(args: Args, messages: list[Message]) -> list[Message]:
    oldest, latest = _stamp(args, "oldest"), _stamp(args, "latest")
    inclusive = args.flag("inclusive")

    def inside(message: Message) -> bool:
        at = stamp(message.ts)
        if inclusive and at in (oldest, latest):
            return True
        return (oldest is None or at > oldest) and (latest is None or at < latest)

    return [message for message in messages if inside(message)]


def _shown(
    office: Office, channel: Channel, messages: list[Message], args: Args, cursor: str
) -> dict[str, Any]:
    metadata = args.flag("include_all_metadata")
    return {
        "messages": [events.message(office.world, channel, each, metadata=metadata) for each in messages],
        "has_more": bool(cursor),
        "response_metadata": {"next_cursor": cursor},
    }


def _readable(team: Team, args: Args) -> Channel:
    return channel_of(team, args, joined=True)


def history(office: Office, team: Team, args: Args) -> dict[str, Any]:
    channel = _readable(team, args)
    limit = args.limit(MAX_HISTORY)
    roots = [
        each for each in channel.messages.values() if not each.thread_ts or each.subtype == "thread_broadcast"
    ]
    window = _window(args, roots[::-1])
    messages, cursor = args.page(window, limit)
    return _shown(office, channel, messages, args, cursor) | {"pin_count": 0}


def replies(office: Office, team: Team, args: Args) -> dict[str, Any]:
    channel = _readable(team, args)
    args.needs("ts")
    limit = args.limit(1000)
    root = channel.messages.get(args.text("ts"))
    if root is None:
        raise ApiError("thread_not_found")
    answers = [each for each in channel.messages.values() if each.thread_ts == root.ts]
    # The root leads the first page whatever the window says; the pages after it do not repeat it.
    window = [root, *_window(args, answers)]
    messages, cursor = args.page(window, min(limit, office.most_shown))
    return _shown(office, channel, messages, args, cursor)


def info(office: Office, team: Team, args: Args) -> dict[str, Any]:
    return {"channel": events.conversation(team, channel_of(team, args))}


def _visible(team: Team, args: Args, *, joined: bool) -> list[Channel]:
    asked = [kind.strip() for kind in args.text("types", "public_channel").split(",")]
    if not set(asked) <= set(KINDS):
        raise ApiError("invalid_types")
    kinds = {KINDS[kind] for kind in asked}
    return [
        each for each in team.channels.values()
        if each.kind in kinds and (team.bot.id in each.members or (each.kind == "channel" and not joined))
        and not (each.archived and args.flag("exclude_archived"))
    ]  # fmt: skip


def _listed(team: Team, args: Args, *, joined: bool) -> dict[str, Any]:
    channels, cursor = args.page(_visible(team, args, joined=joined), args.limit())
    shown = [events.conversation(team, each) for each in channels]
    return {"channels": shown, "response_metadata": {"next_cursor": cursor}}


def list_all(office: Office, team: Team, args: Args) -> dict[str, Any]:
    return _listed(team, args, joined=False)


def list_joined(office: Office, team: Team, args: Args) -> dict[str, Any]:
    return _listed(team, args, joined=True)


def members(office: Office, team: Team, args: Args) -> dict[str, Any]:
    channel = channel_of(team, args)
    found, cursor = args.page(channel.members, args.limit())
    return {"members": found, "response_metadata": {"next_cursor": cursor}}


def open_one(office: Office, team: Team, args: Args) -> dict[str, Any]:
    if "channel" in args:
        return {"channel": {"id": channel_of(team, args).id}}
    users = [user for user in args.text("users").split(",") if user]
    if not users:
        raise ApiError("users_list_not_supplied")
    if len(users) > 8:
        raise ApiError("too_many_users")
    if any(user not in team.users for user in users):
        raise ApiError("user_not_found")
    channel = opened(office, team, users)
    shown = events.conversation(team, channel) if args.flag("return_im") else {"id": channel.id}
    return {"channel": shown}


def opened(office: Office, team: Team, users: list[str]) -> Channel:
    """Return the DM between the bot and these people, opening it at need."""
    wanted = {*users, team.bot.id}
    for channel in team.channels.values():
        if channel.kind in ("im", "mpim") and set(channel.members) == wanted:
            return channel
    kind = "im" if len(users) == 1 else "mpim"
    channel = Channel(
        id=office.world.id("D" if kind == "im" else "G"), team=team.id, name="" if kind == "im" else "mpdm-group",
        kind=kind, members=[*users, team.bot.id],
    )  # fmt: skip
    return team.channels.setdefault(channel.id, channel)


def join(office: Office, team: Team, args: Args) -> dict[str, Any]:
    channel = channel_of(team, args)
    if channel.kind != "channel":
        raise ApiError("method_not_supported_for_channel_type")
    if channel.archived:
        raise ApiError("is_archived")
    if team.bot.id not in channel.members:
        channel.members.append(team.bot.id)
    return {"channel": events.conversation(team, channel)}


def set_status(office: Office, team: Team, args: Args) -> dict[str, Any]:
    """Keep the status of an agent session; its first call makes the session and names it."""
    args.needs("status", "thread_ts")
    channel = channel_of(team, args, "channel_id", joined=True)
    if args.text("status") not in ("processing", "active", "suspended", "closed"):
        raise wrong("must be one of: processing, active, suspended, closed [json-pointer:/status]")
    if len(args.text("title")) > 200:
        raise wrong("must be less than 201 characters [json-pointer:/title]")
    if args.text("thread_ts") not in channel.messages:
        raise ApiError("thread_not_found")
    session = office.sessions.setdefault(args.text("thread_ts"), {"title": args.text("title")})
    session["status"] = args.text("status")
    subscribed = "agent_session_stopped" in team.app.events
    return session | ({} if subscribed else {"warning": "missing_agent_session_stopped_event_subscription"})


METHODS = {
    "agents.sessions.setStatus": set_status, "conversations.history": history, "conversations.info": info,
    "conversations.join": join, "conversations.list": list_all, "conversations.members": members,
    "conversations.open": open_one, "conversations.replies": replies, "users.conversations": list_joined,
}  # fmt: skip
