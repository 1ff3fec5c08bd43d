"""views.*. Owns: METHODS, checked. Imports: the modules beside. Effects: changes what people see."""

from __future__ import annotations

import json
from typing import Any

from tests.far_sides.slack import blocks, events
from tests.far_sides.slack.arguments import Args
from tests.far_sides.slack.office import Office
from tests.far_sides.slack.world import ApiError, Team, View

MAX_VIEW_BYTES = 250_000


def checked(office: Office, view: Any, kind: str = "modal") -> dict[str, Any]:
    """Return a view with every id filled in. Raises ApiError for what no view may hold."""
    found = [f"{what} [json-pointer:{where}]" for what, where in blocks.view_problems(view)]
    if not found and view["type"] != kind:
        found = ["unsupported type [json-pointer:/view/type]"]
    if found:
        raise blocks.invalid("invalid_arguments", found)
    if len(json.dumps(view)) > MAX_VIEW_BYTES:
        raise ApiError("view_too_large")
    for block in view["blocks"]:
        block.setdefault("block_id", f"b{office.world.number()}")
        for element, _ in blocks.elements(block):
            element.setdefault("action_id", f"a{office.world.number()}")
    return dict(view)


def _shown(team: Team, view: View) -> dict[str, Any]:
    return {"view": events.view(team, view)}


def open_one(office: Office, team: Team, args: Args) -> dict[str, Any]:
    args.needs("trigger_id", "view")
    body = checked(office, args.structure("view", "invalid_arguments"))
    user = office.exchange(args.text("trigger_id"), team)
    return _shown(team, office.show(team, user, body))


def push(office: Office, team: Team, args: Args) -> dict[str, Any]:
    args.needs("trigger_id", "view")
    body = checked(office, args.structure("view", "invalid_arguments"))
    user = office.exchange(args.text("trigger_id"), team)
    below = [
        view
        for view in team.views.values()
        if view.user == user.id and view.open and view.body["type"] == "modal"
    ]
    if not below:
        raise ApiError("not_found")
    return _shown(team, office.show(team, user, body, on=below[-1]))


def update(office: Office, team: Team, args: Args) -> dict[str, Any]:
    args.needs("view")
    body = checked(office, args.structure("view", "invalid_arguments"))
    wanted, external = args.text("view_id"), args.text("external_id")
    view = next(
        (each for each in team.views.values() if each.id == wanted or (external and each.body.get("external_id") == external)),
        None,
    )  # fmt: skip
    if view is None or not view.open:
        raise ApiError("not_found")
    if "hash" in args and args.text("hash") != view.hash:
        raise ApiError("hash_conflict")
    view.body, view.hash = body, office.world.ts()
    return _shown(team, view)


def publish(office: Office, team: Team, args: Args) -> dict[str, Any]:
    args.needs("user_id", "view")
    user = team.users.get(args.text("user_id"))
    if user is None:
        raise ApiError("user_not_found")
    body = checked(office, args.structure("view", "invalid_arguments"), "home")
    home = home_of(team, user.id)
    if home is None:
        return _shown(team, office.show(team, user, body))
    if "hash" in args and args.text("hash") != home.hash:
        raise ApiError("hash_conflict")
    home.body, home.hash = body, office.world.ts()
    return _shown(team, home)


def home_of(team: Team, user: str) -> View | None:
    """Return what the app published for this person."""
    return next(
        (view for view in team.views.values() if view.user == user and view.body["type"] == "home"), None
    )


METHODS = {"views.open": open_one, "views.publish": publish, "views.push": push, "views.update": update}
