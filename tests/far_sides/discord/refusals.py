"""What Discord says no with. Owns: Refusal and its usual forms. Imports: nothing. Effects: none."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """An error answer: HTTP status, Discord's code, its message, and for 50035 the field errors."""

    def __init__(self, status: int, code: int, message: str, errors: dict[str, Any] | None = None) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.body: dict[str, Any] = {"message": message, "code": code}
        if errors:
            self.body["errors"] = errors


def unauthorized() -> Refusal:
    return Refusal(401, 0, "401: Unauthorized")


def unknown(what: str) -> Refusal:
    """Return the 404 for a thing that is not there (any more)."""
    codes = {
        "Channel": 10003, "Guild": 10004, "Member": 10007, "Message": 10008, "User": 10013, "Emoji": 10014,
        "Webhook": 10015, "interaction": 10062,
    }  # fmt: skip
    return Refusal(404, codes[what], f"Unknown {what}")


def missing_access() -> Refusal:
    return Refusal(403, 50001, "Missing Access")


def missing_permissions() -> Refusal:
    return Refusal(403, 50013, "Missing Permissions")


def invalid(path: str, code: str, message: str) -> Refusal:
    """Return the 400 for one field, whose `path` is dotted ("components.0.label")."""
    errors: dict[str, Any] = {"_errors": [{"code": code, "message": message}]}
    for part in reversed(path.split(".")):
        errors = {part: errors}
    return Refusal(400, 50035, "Invalid Form Body", errors)


def too_long(path: str, limit: int) -> Refusal:
    return invalid(path, "BASE_TYPE_MAX_LENGTH", f"Must be {limit} or fewer in length.")
