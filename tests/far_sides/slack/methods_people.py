"""auth.test, users.*, bots.info, team.info. Owns: METHODS. Imports: the modules beside. Effects: none."""

from __future__ import annotations

from typing import Any

from tests.far_sides.slack.arguments import Args
from tests.far_sides.slack.office import Office
from tests.far_sides.slack.world import ApiError, Team


def auth_test(office: Office, team: Team, args: Args) -> dict[str, Any]:
    return {
        "url": f"https://{team.domain}.slack.com/", "team": team.name, "user": team.bot.handle, "team_id": team.id,
        "user_id": team.bot.id, "bot_id": team.bot.bot_id, "is_enterprise_install": False,
    }  # fmt: skip


def user_info(office: Office, team: Team, args: Args) -> dict[str, Any]:
    args.needs("user")
    user = team.users.get(args.text("user"))
    if user is None:
        raise ApiError("user_not_found")
    return {"user": user.payload()}


def user_list(office: Office, team: Team, args: Args) -> dict[str, Any]:
    users, cursor = args.page(list(team.users.values()), args.limit())
    return {"members": [user.payload() for user in users], "response_metadata": {"next_cursor": cursor}}


def bot_info(office: Office, team: Team, args: Args) -> dict[str, Any]:
    asked = args.text("bot")
    bot = next((user for user in team.users.values() if user.bot_id and user.bot_id == asked), None)
    if bot is None:
        raise ApiError("bot_not_found")
    return {
        "bot": {"id": bot.bot_id, "deleted": False, "name": bot.name, "app_id": bot.app_id, "user_id": bot.id}
    }


def team_info(office: Office, team: Team, args: Args) -> dict[str, Any]:
    return {"team": {"id": team.id, "name": team.name, "domain": team.domain, "email_domain": "", "icon": {}}}


def api_test(office: Office, team: Team, args: Args) -> dict[str, Any]:
    return {"args": args.values}


METHODS = {
    "api.test": api_test, "auth.test": auth_test, "bots.info": bot_info, "team.info": team_info, "users.info": user_info,
    "users.list": user_list,
}  # fmt: skip
