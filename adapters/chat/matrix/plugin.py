"""Matrix's way in. Owns: build. Imports: core. Effects: none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from adapters.chat.matrix.adapter import MatrixChat, Unsigned, Wanted
from adapters.chat.matrix.login import Account
from core.errors import BadInput
from core.ports import ChatAdapter, Clock

USER = re.compile(r"@[^\s:]+:[A-Za-z0-9.\[\]:-]+")


def build(
    *,
    homeserver: str,
    user_id: str,
    home: Path,
    clock: Clock,
    password: str = "",
    access_token: str = "",
    device_id: str = "",
    recovery_key: str = "",
    allow_servers: Sequence[str] = (),
    allow_users: Sequence[str] = (),
    ghosts: Sequence[str] = (),
    link_hosts: Sequence[str] = (),
    unsigned_devices: Unsigned = "send",
    poll: float = 25.0,
    silence: float = 60.0,
    request: float = 30.0,
) -> ChatAdapter:
    """Return the bot's Matrix device, not yet entered; its state lies in `home`/matrix.

    `homeserver` is the server's address, `user_id` the whole `@name:server`. A `password` or an `access_token` is needed the first time;
    with the password a token that died is replaced. Patterns (`*`) may stand in `allow_servers` and `allow_users`, who may invite the bot, and in
    `ghosts`, the users that bridges move. Links to `link_hosts` stay links. The server may keep the bot waiting
    `poll` seconds for news, and `silence` more before the line counts as dead, `request` seconds for anything else. Raises BadInput for what cannot be.
    """
    address = urlsplit(homeserver)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise BadInput(
            f"{homeserver!r} is no address of a homeserver",
            remedy="Give it whole: https://matrix.example.org.",
        )
    if not USER.fullmatch(user_id):
        raise BadInput(f"{user_id!r} is no Matrix user", remedy="Give the whole id: @loop:example.org.")
    account = Account(user=user_id, password=password, access_token=access_token, device=device_id)
    wanted = Wanted(
        homeserver=homeserver,
        account=account,
        recovery_key=recovery_key,
        folder=home / "matrix",
        allow_servers=tuple(allow_servers),
        allow_users=tuple(allow_users),
        ghosts=tuple(ghosts),
        link_hosts=tuple(link_hosts),
        unsigned_devices=unsigned_devices,
        poll=poll,
        silence=silence,
        request=request,
    )
    return MatrixChat(wanted, clock)
