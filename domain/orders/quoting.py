"""Making quotes, changing them, and giving back what they hold: when asked to, and by a job once it has lapsed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from domain.access import Viewer, network_of
from domain.availability.model import Question
from domain.availability.service import weighed
from domain.errors import Problem, Refused, refuse_all
from domain.idempotency import Asked, first_answer
from domain.inventory.model import LevelKey, Reservation
from domain.inventory.reservations import lock_swept, moved, units_by_level
from domain.jobs import NewJob
from domain.orders.decisions import Decision, Facts, decide
from domain.orders.placing import PlacingWork, gather
from domain.orders.ports import Overtaken
from domain.orders.quotes import (
    QUOTED_FOR,
    CreateQuote,
    Quote,
    UpdateQuote,
    as_asked,
    as_order,
    hold_end,
    holder_of,
    is_seen,
    limit_problems,
    no_such_quote,
    quote_lines,
    reservations_of,
    taken_up_already,
)
from domain.orders.stock import Taken, left_on, locked_levels


class HolderDigests(Protocol):
    def digest(self, purpose: str, text: str) -> str: ...


class QuotingWork(PlacingWork, Protocol):
    @property
    def digests(self) -> HolderDigests: ...


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and from which network address: those who have not signed in are limited by it."""

    viewer: Viewer
    address: str


async def create_quote(work: QuotingWork, command: CreateQuote, asker: Asker) -> str:
    """Price and plan a basket, and hold its stock if asked to; answers the quote's id.

    Raises Refused with all that is wrong, or Overtaken; the unit of work must then be left by the exception.
    """
    asked = Asked(asker.viewer, command.idempotency_key, command)
    if answer := await first_answer(work.keys, asked):
        return str(answer["quote"])
    quote = await _quote(work, command, None, asker)
    await work.keys.keep([(asked, {"quote": quote.id})])
    return quote.id


async def update_quote(work: QuotingWork, command: UpdateQuote, asker: Asker) -> str:
    """Price and plan a quote anew; its hold is moved to what it has now, and extended, never doubled.

    Raises as `create_quote` does.
    """
    asked = Asked(asker.viewer, command.asked.idempotency_key, command)
    if answer := await first_answer(work.keys, asked):
        return str(answer["quote"])
    before = await _locked(work, command.quote_id, asker.viewer)
    await _quote(work, command.asked, before, asker)
    await work.keys.keep([(asked, {"quote": before.id})])
    return before.id


async def release_quote(work: QuotingWork, quote_id: str, viewer: Viewer) -> None:
    """Give back what a quote holds; one that holds nothing stays as it is."""
    quote = await _locked(work, quote_id, viewer)
    held = await _held_by(work, quote)
    await work.inventory.lock_levels(each.key for each in held)
    now = work.clock.now()
    await work.inventory.move(moved(await work.reservations.take([quote.id]), (), viewer.actor, now))
    await work.quotes.save(replace(quote, held_until=None))


async def lapse_hold(work: QuotingWork, payload: Mapping[str, Any]) -> None:
    """Give back what a quote held and holds no longer; where it was extended meanwhile, look again at its new end."""
    quote = (await work.quotes.lock([payload["quoteId"]])).get(payload["quoteId"])
    now = work.clock.now()
    if quote is None:
        return
    if quote.holds(now):
        _look_again(work, quote)
        return
    held = await _held_by(work, quote)
    await lock_swept(work, [each.key for each in held], now)


async def _locked(work: QuotingWork, quote_id: str, viewer: Viewer) -> Quote:
    quote = (await work.quotes.lock([quote_id])).get(quote_id)
    if quote is None or not is_seen(quote, viewer):
        raise Refused(no_such_quote("id"))
    if quote.order_id is not None:
        raise Refused(taken_up_already("id"))
    return quote


async def _held_by(work: QuotingWork, quote: Quote) -> list[Reservation]:
    return (await work.reservations.by_quote([quote.id])).get(quote.id, [])


async def _quote(work: QuotingWork, asked: CreateQuote, before: Quote | None, asker: Asker) -> Quote:
    facts = await gather(work, [as_order(asked, None)])
    held = await _held_by(work, before) if before else []

    decision = _decision(asked, asker.viewer, facts, held)
    quote = _quoted(work, asked, decision, before, asker, facts.now)
    demand = decision.demand() if quote.held_until else {}
    if demand:
        await _check_limits(work, quote, demand, asker.viewer, facts.now)
    gone = await _let_go(work, quote, held, demand, facts)

    reservations = reservations_of(quote, demand)
    await work.quotes.save(quote)
    await work.reservations.add(reservations)
    await work.inventory.move(moved(gone, reservations, asker.viewer.actor, facts.now))
    if quote.held_until is not None:
        _look_again(work, quote)
    return quote


def _decision(asked: CreateQuote, viewer: Viewer, facts: Facts, held: Sequence[Reservation]) -> Decision:
    """As an order is decided: on what is free, and on what the quote itself holds."""
    own = units_by_level(each for each in held if each.expires_at > facts.now)
    facts = replace(facts, goods=facts.goods.giving_back(own))
    decided = decide(as_order(asked, facts.goods.channels.get(asked.channel)), viewer, facts, Taken())
    if isinstance(decided, Decision):
        return decided
    raise Refused(*(as_asked(problem, asked) for problem in decided))


def _quoted(
    work: QuotingWork, asked: CreateQuote, decision: Decision, before: Quote | None, asker: Asker, now: datetime
) -> Quote:
    viewer = asker.viewer
    held_until = hold_end(asked.hold_minutes, before, decision.channel, now)
    if isinstance(held_until, Problem):
        raise Refused(held_until)
    holder = before.holder if before else None
    if holder is None and (name := holder_of(viewer, network_of(asker.address))) is not None:
        holder = work.digests.digest("quote holder", name)
    first_held_at = (before.first_held_at if before else None) or (now if held_until else None)
    return Quote(
        id=before.id if before else work.ids.new_secret("quo"),
        channel_code=decision.channel.code,
        customer_id=asked.customer_id or (before.customer_id if before else None) or viewer.customer_id,
        made_by=before.made_by if before else viewer.actor,
        holder=holder,
        language=asked.language,
        currency=decision.channel.currency,
        lines=quote_lines(asked, decision),
        choice=asked.fulfillment,
        destination=asked.destination,
        email=asked.email,
        tax_id=asked.tax_id,
        shipping=decision.shipping,
        created_at=before.created_at if before else now,
        expires_at=held_until or now + QUOTED_FOR,
        held_until=held_until,
        first_held_at=first_held_at,
    )


async def _check_limits(
    work: QuotingWork, quote: Quote, demand: Mapping[LevelKey, int], viewer: Viewer, now: datetime
) -> None:
    if quote.holder is None or viewer.is_staff:
        return
    refuse_all(limit_problems(demand, await work.quotes.held_by(quote.holder, now, but=quote.id), viewer))


async def _let_go(
    work: QuotingWork, quote: Quote, held: Sequence[Reservation], demand: Mapping[LevelKey, int], facts: Facts
) -> list[Reservation]:
    """Take away what the quote holds, on locked rows; raises Overtaken where what it is to hold is not there.

    What it holds is what is there by then: somebody whose clock was a little later may have swept and sold it.
    """
    keys = {each.key for each in held} | demand.keys()
    if not keys:
        return []
    locked = await locked_levels(work, keys, facts.goods, facts.now)
    gone = await work.reservations.take([quote.id]) if held else []
    own = units_by_level(gone)
    weighing = weighed(Question(channel=quote.channel_code), facts.goods, facts.now)
    left = {key: left_on(locked.get(key), weighing, facts.goods, own.get(key, 0)) for key in demand}
    if any(left[key] < units for key, units in demand.items()):
        raise Overtaken
    return gone


def _look_again(work: QuotingWork, quote: Quote) -> None:
    """When the hold ends; where a look waits already, it finds the new end by itself."""
    payload = {"quoteId": quote.id}
    work.later(NewJob(kind="lapse_hold", payload=payload, run_at=quote.held_until, key=f"lapse_hold:{quote.id}"))
