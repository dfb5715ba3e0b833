"""Feeds of stock, as systems send them."""

from typing import TYPE_CHECKING

from domain.inventory import feeds
from domain.inventory.model import Fed, FeedLine, StockLevel, SyncStock
from resolvers.context import Context
from resolvers.errors import Outcome, reports

if TYPE_CHECKING:
    from schema.inventory import SyncStockInput


async def sync_stock(context: Context, input: "SyncStockInput") -> Outcome[list[StockLevel]]:
    """A feed that was taken may still have had lines that were not."""
    outcome = await _fed(context, input)
    if outcome.value is None:
        return Outcome(user_errors=outcome.user_errors)
    return Outcome(list(outcome.value.levels), outcome.value.skipped)


@reports
async def _fed(context: Context, input: "SyncStockInput") -> Fed:
    command = SyncStock(
        idempotency_key=input.idempotency_key,
        location=input.location,
        mode=input.mode,
        as_of=input.as_of,
        includes_allocated=input.includes_allocated,
        lines=tuple(FeedLine(line.sku, line.quantity, line.bin) for line in input.lines),
        skips_invalid=input.skip_invalid_lines,
    )
    async with context.work() as work:
        fed = await feeds.sync_stock(work, command, context.viewer)
    context.forget()
    return fed
