"""Goods on their way: announced, received, transferred, called off; seen by those at either end of it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from domain.access import locations_stocked
from domain.errors import Refused, invalid
from domain.inventory import supply as service
from domain.inventory.model import (
    CancelSupply,
    InboundSupply,
    ReceiveLine,
    ReceiveSupply,
    SaveInboundSupply,
    TransferLine,
    TransferStock,
)
from domain.inventory.transfers import transfer_stock as send
from domain.paging import PAGE_SIZE_MAX
from resolvers.context import Context
from resolvers.errors import reports

if TYPE_CHECKING:
    from schema.inventory import CancelSupplyInput, InboundSupplyInput, ReceiveSupplyInput, TransferStockInput


async def inbound_supply(context: Context, skus: Sequence[str], locations: Sequence[str] | None) -> list[InboundSupply]:
    """What is still to arrive of the SKUs, to any place or to those named, soonest first."""
    if len(skus) > PAGE_SIZE_MAX:
        raise Refused(invalid(f"At most {PAGE_SIZE_MAX} SKUs are asked for at a time.", "skus"))
    seen = locations_stocked(context.viewer)
    return [each for each in await context.world.reads.supply.due(skus, locations) if service.is_seen(each, seen)]


@reports
async def save_inbound_supply(context: Context, supply: "Sequence[InboundSupplyInput]") -> list[InboundSupply]:
    async with context.work() as work:
        saved = await service.save_inbound_supply(work, [_announced(line) for line in supply], context.viewer)
    context.forget()
    return saved


@reports
async def receive_supply(context: Context, input: "ReceiveSupplyInput") -> list[InboundSupply]:
    lines = tuple(ReceiveLine(line.supply_id, line.quantity, line.damaged) for line in input.lines)
    command = ReceiveSupply(idempotency_key=input.idempotency_key, lines=lines)
    async with context.work() as work:
        received = await service.receive_supply(work, command, context.viewer)
    context.forget()
    return received


@reports
async def transfer_stock(context: Context, input: "TransferStockInput") -> list[InboundSupply]:
    command = TransferStock(
        idempotency_key=input.idempotency_key,
        reference=input.reference.strip(),
        origin=input.origin,
        destination=input.destination,
        lines=tuple(TransferLine(line.sku, line.quantity) for line in input.lines),
        expected_at=input.expected_at,
    )
    async with context.work() as work:
        sent = await send(work, command, context.viewer)
    context.forget()
    return sent


@reports
async def cancel_supply(context: Context, input: "CancelSupplyInput") -> list[InboundSupply]:
    command = CancelSupply(idempotency_key=input.idempotency_key, supply_id=input.supply_id, restore=input.restore)
    async with context.work() as work:
        canceled = await service.cancel_supply(work, command, context.viewer)
    context.forget()
    return [canceled]


def _announced(line: "InboundSupplyInput") -> SaveInboundSupply:
    return SaveInboundSupply(
        reference=line.reference.strip(),
        kind=line.kind,
        sku=line.sku,
        destination=line.destination,
        quantity=line.quantity,
        expected_at=line.expected_at,
        status=line.status,
    )
