"""What the gateway reports, as events. Owns: Reporting. Imports: core. Effects: emits events."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from core import events
from core.ports import EgressRefused, Emit, GatewayReport, Metered, ModelRefused, Store

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporting:
    """Finds the thread a report belongs to and puts it through the front door."""

    store: Store
    emit: Emit

    async def __call__(self, report: GatewayReport) -> None:
        """Emit the report as an event of its loop's lane."""
        loop = await self.store.loop(report.loop)
        if loop is None:
            log.warning("report.no_loop", loop=report.loop)
            return
        match report:
            case Metered():
                event: events.Event = events.Spent(
                    lane=loop.thread, at=report.at, loop=loop.id, request=report.request, model=report.model,
                    input_tokens=report.input_tokens, output_tokens=report.output_tokens, cache_read_tokens=report.cache_read_tokens,
                    cache_write_tokens=report.cache_write_tokens, cost_usd=report.cost_usd,
                )  # fmt: skip
            case EgressRefused():
                event = events.EgressDenied(
                    lane=loop.thread,
                    at=report.at,
                    loop=loop.id,
                    host=report.host,
                    port=report.port,
                    why=report.why,
                )
            case ModelRefused():
                event = events.ModelFailed(
                    lane=loop.thread, at=report.at, loop=loop.id, status=report.status, why=report.why
                )
        await self.emit(event)
