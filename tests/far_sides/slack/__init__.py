"""A Slack that speaks the wire. Owns: Slack, Times (see `far`). Imports: aiohttp, slack_sdk's models. Effects: listens on loopback."""

from tests.far_sides.slack.far import Slack
from tests.far_sides.slack.world import Times

__all__ = ["Slack", "Times"]
