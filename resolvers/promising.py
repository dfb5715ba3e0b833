"""How goods reach people: shipping methods, and places where they are collected."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from domain.catalog.model import Channel, text_in
from domain.errors import Refused, invalid, refuse_all
from domain.money import zero
from domain.orders.model import LINES_PER_ORDER_MAX
from domain.promising import pickup, service
from domain.promising.model import SaveShippingMethod, ShippingMethod, ShippingRate
from domain.promising.pickup import BasketLine, PickupOption, PickupQuestion
from resolvers import inputs
from resolvers.catalog import Reading, channels_by_code, is_seen
from resolvers.context import Context
from resolvers.errors import reports
from resolvers.places import located

if TYPE_CHECKING:
    from schema.common import DestinationInput
    from schema.orders import OrderLineInput
    from schema.promising import ShippingMethodInput, ShippingRateInput


async def shipping_methods_by_code(context: Context, codes: Sequence[str]) -> Mapping[str, ShippingMethod]:
    return await context.world.reads.promising.shipping_methods_by_code(codes)


async def shipping_methods(context: Context, channel: str | None) -> list[ShippingMethod]:
    """All, or those that serve a channel: active, and going to one of its countries in its currency."""
    methods = await context.world.reads.promising.shipping_methods()
    if channel is None:
        return methods
    served: Channel | None = await context.load(channels_by_code, channel)
    return [] if served is None else [method for method in methods if _serves(method, served)]


def _serves(method: ShippingMethod, channel: Channel) -> bool:
    return method.active and any(
        rate.price.currency == channel.currency
        and not set(rate.countries or method.countries).isdisjoint(channel.countries)
        for rate in method.rates
    )


def name_of_method(context: Context, method: ShippingMethod, language: str | None) -> str:
    return text_in(method.names, language, context.language) or method.code


async def pickup_options(
    context: Context,
    channel: str,
    lines: Sequence["OrderLineInput"],
    near: "DestinationInput",
    within_km: float | None,
    first: int | None,
) -> list[PickupOption]:
    """Raises Refused for what there is not, and for a destination that nobody knows."""
    if len(lines) > LINES_PER_ORDER_MAX:
        raise Refused(invalid(f"A basket has at most {LINES_PER_ORDER_MAX} lines, as an order has.", "lines"))
    question = PickupQuestion(
        channel=channel,
        lines=[BasketLine(line.sku, line.quantity) for line in lines],
        near=await located(context, inputs.destination(near, "near"), "near"),
        within_km=within_km,
        first=pickup.OPTIONS if first is None else first,
    )
    world = context.world
    return await pickup.pickup_options(
        world.reads, question, world.clock.now(), seen=lambda variant: is_seen(context, variant.product_status)
    )


@reports
async def save_shipping_method(context: Context, input: "ShippingMethodInput") -> ShippingMethod:
    reading = Reading()
    command = SaveShippingMethod(
        code=input.code,
        names=reading.texts(input.name, "name"),
        carrier=input.carrier,
        service_level=input.service_level,
        countries=tuple(input.countries),
        rates=tuple(_rate(reading, rate, place) for place, rate in enumerate(input.rates)),
        active=input.active is not False,
    )
    refuse_all(reading.problems)
    async with context.work() as work:
        saved = await service.save_shipping_method(work, command)
    context.forget()
    return saved


def _rate(reading: Reading, given: "ShippingRateInput", place: int) -> ShippingRate:
    return ShippingRate(
        countries=tuple(given.countries),
        regions=tuple(given.regions or ()),
        max_weight_grams=given.max_weight_grams,
        # Where the price cannot be read the method is refused, and this stands for it until then.
        price=reading.money(given.price, "rates", place, "price") or zero(given.price.currency),
        free_from=reading.money(given.free_from, "rates", place, "freeFrom"),
        min_transit_days=given.min_transit_days,
        max_transit_days=given.max_transit_days,
    )
