"""What can be counted. Owns: Metrics. Imports: prometheus_client, core. Effects: none outside its own registry."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, generate_latest

from core import events
from core.desk import Outcome
from core.events import Event


class Metrics:
    """The bridge's counters, in a registry of its own so that several bridges of one process don't mix."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._registry = registry
        self._events = Counter(
            "loopbridge_events_total", "Events handled, by kind.", ["kind"], registry=registry
        )
        self._effects = Counter(
            "loopbridge_effects_total", "Effects asked for, by kind.", ["kind"], registry=registry
        )
        self._tokens = Counter(
            "loopbridge_tokens_total", "Model tokens, by direction.", ["direction"], registry=registry
        )
        self._cost = Counter(
            "loopbridge_cost_dollars_total", "Dollars spent on the model.", registry=registry
        )
        self._turns = Counter("loopbridge_turns_total", "Turns ended, by how.", ["end"], registry=registry)
        self.pending_events = Gauge(
            "loopbridge_pending_events", "Events taken in and not handled yet.", registry=registry
        )
        self.pending_posts = Gauge(
            "loopbridge_pending_posts", "Messages and edits not delivered yet.", registry=registry
        )
        self.running = Gauge("loopbridge_running_turns", "Turns whose agent is at work.", registry=registry)

    def seen(self, event: Event, outcome: Outcome) -> None:
        """Count an event that was handled and what it asked for."""
        self._events.labels(event.kind).inc()
        for effect in outcome.effects:
            self._effects.labels(effect.kind).inc()
        match event:
            case events.Spent():
                self._tokens.labels("in").inc(
                    event.input_tokens + event.cache_read_tokens + event.cache_write_tokens
                )
                self._tokens.labels("out").inc(event.output_tokens)
                self._cost.inc(event.cost_usd)
            case events.TurnResult():
                self._turns.labels("failed" if event.error else "answered").inc()
            case events.TurnBroke():
                self._turns.labels("stopped" if event.stopped else "broke").inc()
            case events.TurnInterrupted():
                self._turns.labels("interrupted").inc()

    def exposition(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self._registry)
