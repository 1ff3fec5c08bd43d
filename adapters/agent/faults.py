"""What goes wrong, in sentences. Owns: Gone, of_result. Imports: core.errors. Effects: none; the SDK itself is not imported."""

from __future__ import annotations

import re

from adapters.agent import plain
from core.errors import Unavailable

LIMIT = 240
LATER = "Wait a few minutes, then press Retry."
AGAIN = "Press Retry to go on from here."
ASK_ADMIN = "An admin can look at `loopbridge doctor`; then press Retry."
RAISE = "Raise it, for example `/loop budget 5`, then press Retry."
BUDGET = re.compile(r"The loop's budget (?:of \$[\d.]+ )?is spent")
STATUSES = {
    401: (
        "The model refused the key (401).",
        "An admin has to put in a key that works (`[model]` in config.toml) and start the bridge again; then press Retry.",
    ),
    402: ("The model's account has no credit left (402).", "An admin has to top it up; then press Retry."),
    403: (
        "The model refused this request (403).",
        "An admin has to look at what the key may do; then press Retry.",
    ),
    404: (
        "The model does not exist, or the key may not use it (404).",
        "`/loop done`, then begin again with another one: `/loop --model NAME …`. An admin can name it for all (model.name in config.toml).",
    ),
    413: (
        "The conversation has grown too large for the model (413).",
        "Start a new loop for what is left to do.",
    ),
    429: ("The model is overloaded: too many requests (429).", LATER),
    502: ("The model could not be reached (502).", LATER),
    504: ("The model did not answer in time (504).", LATER),
    529: ("The model is overloaded (529).", LATER),
}
ENDS = {
    "error_max_budget_usd": ("The loop's budget is spent.", RAISE),
    "error_max_turns": ("The agent took more steps than one turn may have.", "Press Retry to let it go on."),
}
PREFIX = re.compile(r"\A(?:API Error: )?(?:\d{3} )?")


class Gone(Unavailable):
    """The agent's process ended, or never came up. `lost`: its session cannot be picked up again."""

    def __init__(self, what: str, *, remedy: str = AGAIN, lost: bool = False) -> None:
        super().__init__(what, remedy=remedy)
        self.lost = lost


def of_result(*, status: int | None, subtype: str, text: str) -> tuple[str, str]:
    """Return (what, remedy) for a result that is an error. `status` is the HTTP status of the model's side, if any."""
    if subtype in ENDS:
        return ENDS[subtype]
    if found := BUDGET.search(text):
        return f"{found.group()}.", RAISE
    if status in STATUSES:
        return STATUSES[status]
    said = plain.short(PREFIX.sub("", text, count=1), LIMIT)
    if status is not None and status >= 500:
        return f"The model's side failed ({status}).", LATER
    if status is not None:
        return f"The model refused the request ({status}): {said}", ASK_ADMIN
    if "onnect" in text or "fetch failed" in text:
        return "The model could not be reached.", LATER
    return f"The agent ended with an error: {said or subtype}", AGAIN
