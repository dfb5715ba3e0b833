"""Events as clients ask for them: as a feed, and live, each once and in order, and to nobody else."""

import asyncio
import itertools
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import delete

from domain.access import ANONYMOUS, EVERY_ORDER, Role, Viewer, orders_seen
from domain.events import Event, EventKind, cursor_of
from domain.orders.canceling import cancel_order
from domain.orders.model import CancelOrder, CancelReason
from gateway.serving import Answer, Asked, alone
from persistence import live
from persistence.tables.log import EVENTS
from resolvers import events
from resolvers.context import Context
from resolvers.sharing import Shared
from resolvers.summaries import LANGUAGES, summary
from tests.factories import NOW, a_viewer, an_order, key
from tests.shop import Shop, a_shop, whole_schema

SOON_S = 5  # What a quiet machine does in milliseconds.
OPERATIONS, AGENT = a_viewer(Role.OPERATIONS), a_viewer(Role.AGENT)
ADA, BOB = a_viewer(Role.CUSTOMER, customer_id="cus_ada"), a_viewer(Role.CUSTOMER, customer_id="cus_bob")
MILANESE = a_viewer(Role.ASSOCIATE, locations=frozenset({"milan"}))
ROMAN = a_viewer(Role.ASSOCIATE, locations=frozenset({"rome"}))
PLACED = ["order.placed", "payment.authorized", "order.confirmed"]

CHANGED = """
subscription($id: ID, $number: String, $token: String, $after: String) {
  orderStatusChanged(orderId: $id, number: $number, accessToken: $token, after: $after) {
    cursor event { id kind summary data actor subject { id } order { status } } order { id status }
  }
}
"""
EVENTS_OF_ORDERS = """
subscription($filter: OrderFilter, $after: String) {
  orderEvents(filter: $filter, after: $after) { cursor event { kind } order { id status } }
}
"""
FEED = """
query($after: String, $kinds: [String!], $first: Int) {
  eventFeed(after: $after, kinds: $kinds, first: $first) {
    nodes { cursor kind actor data order { number } subject { id } summary(language: "it-CH") }
    edges { cursor } pageInfo { hasNextPage hasPreviousPage endCursor }
  }
}
"""


class Following:
    """One subscription, as its client sees it."""

    def __init__(self, answers: AsyncGenerator[bytes, None]) -> None:
        self._answers = answers

    async def next(self) -> Any:
        """The data of the next answer."""
        async with asyncio.timeout(SOON_S):
            answer = orjson.loads(await anext(self._answers))
        assert "errors" not in answer, answer
        return next(iter(answer["data"].values()))

    async def kinds(self, count: int) -> list[str]:
        return [(await self.next())["event"]["kind"] for _ in range(count)]

    async def refusal(self) -> str:
        """The code of the error it is answered."""
        async with asyncio.timeout(SOON_S):
            (error,) = orjson.loads(await anext(self._answers))["errors"]
        return str(error["extensions"]["code"])

    async def ends(self) -> bool:
        async with asyncio.timeout(SOON_S):
            return await anext(self._answers, None) is None


@asynccontextmanager
async def following(
    shop: Shop, document: str, viewer: Viewer = ANONYMOUS, **variables: Any
) -> AsyncIterator[Following]:
    answers = await whole_schema().follow(Asked(document, variables), Context(shop.world, viewer))
    if isinstance(answers, Answer):
        yield Following(alone(answers))
        return
    async with aclosing(answers):
        yield Following(answers)


async def cancel(shop: Shop, order_id: str, *lines: tuple[str, int]) -> None:
    command = CancelOrder(order_id=order_id, reason=CancelReason.OTHER, lines=lines or None, idempotency_key=key())
    async with shop.world.work() as work:
        await cancel_order(work, command, OPERATIONS, EVERY_ORDER)


@pytest.fixture
async def shop(migrated_database_url) -> AsyncIterator[Shop]:
    async with a_shop(migrated_database_url, is_live=True) as opened:
        yield opened


@pytest.fixture
async def order_id(shop) -> str:
    """An order of Ada's for five units from Milan, of which none is asked of Milan yet."""
    await shop.stock(milan={"A": 50})
    return (await shop.place(an_order(("A", 5)), ADA)).order_id


# ── One order ──


async def test_without_a_cursor_the_first_message_is_the_latest_event_then_what_happens(shop, order_id):
    async with following(shop, CHANGED, ADA, id=order_id) as ada:
        first = await ada.next()
        assert first["event"]["kind"] == "order.confirmed"
        assert first["order"] == {"id": order_id, "status": "CONFIRMED"}

        await cancel(shop, order_id)

        second = await ada.next()
        assert (second["event"]["kind"], second["order"]["status"]) == ("order.canceled", "CANCELED")
        assert second["event"]["order"] == {"status": "CANCELED"}


async def test_from_the_empty_cursor_on_all_is_told_and_from_a_cursor_what_follows_it(shop, order_id):
    async with following(shop, CHANGED, ADA, id=order_id, after="") as whole:
        told = [await whole.next() for _ in PLACED]
    async with following(shop, CHANGED, ADA, id=order_id, after=told[0]["cursor"]) as rest:
        resumed = await rest.kinds(2)

    assert [change["event"]["kind"] for change in told] == PLACED
    assert resumed == PLACED[1:]


async def test_who_is_cut_off_again_and_again_and_resumes_misses_nothing_and_sees_nothing_twice(shop, order_id):
    (line,) = await shop.lines(order_id)
    seen: list[str] = []

    async def follow() -> None:
        """Cut off after one message, then after two, after three, after one…"""
        for turn in itertools.count():
            async with following(shop, CHANGED, ADA, id=order_id, after=seen[-1] if seen else "") as connection:
                for _ in range(turn % 3 + 1):
                    change = await connection.next()
                    seen.append(change["cursor"])
                    if change["order"]["status"] == "CANCELED" and change["event"]["kind"] == "payment.voided":
                        return

    reading = asyncio.create_task(follow())
    for _ in range(4):
        await cancel(shop, order_id, (line.id, 1))
        await shop.place(an_order(("A", 1)), BOB)
    await cancel(shop, order_id)
    await reading

    kept = await shop.world.reads.log.after(0, 1_000, order_id=order_id)
    assert seen == [event.cursor for event in kept][: len(seen)]
    assert len(seen) > len(PLACED) + 4


async def test_what_was_shown_before_is_never_shown_again_as_it_was(shop, order_id):
    (line,) = await shop.lines(order_id)
    query = """subscription($id: ID) { orderStatusChanged(orderId: $id) {
      order { lines { quantities { canceled } } totals { total { amount } } } } }"""
    async with following(shop, query, ADA, id=order_id) as ada:
        told = [await ada.next()]
        for _ in range(2):
            await cancel(shop, order_id, (line.id, 1))
            told += [await ada.next(), await ada.next()]  # The cancellation, and the money let go.

    canceled = [change["order"]["lines"][0]["quantities"]["canceled"] for change in told]
    assert canceled == [0, 1, 1, 2, 2]
    assert [change["order"]["totals"]["total"]["amount"] for change in told[::2]] == ["55.00", "45.00", "35.00"]


async def test_an_order_is_followed_by_its_number_or_its_access_token(shop, order_id):
    number = (await shop.order(order_id)).number
    token = shop.world.digests.access_token(order_id)

    async with following(shop, CHANGED, AGENT, number=number) as by_number:
        assert (await by_number.next())["order"]["id"] == order_id
    async with following(shop, CHANGED, token=token) as by_token:
        assert (await by_token.next())["event"]["subject"] == {"id": order_id}
    async with following(shop, CHANGED, token=token, number=number) as by_both:
        assert (await by_both.next())["order"]["id"] == order_id


@pytest.mark.parametrize("viewer", [BOB, ROMAN, ANONYMOUS, a_viewer(Role.MERCHANDISER)], ids=lambda v: v.actor)
async def test_anothers_order_is_followed_no_more_than_one_that_does_not_exist(shop, order_id, viewer):
    number = (await shop.order(order_id)).number

    for variables in ({"id": order_id}, {"number": number}, {"id": "ord_none"}, {"token": "none.none"}):
        async with following(shop, CHANGED, viewer, **variables) as refused:
            assert await refused.refusal() == "NOT_FOUND"


async def test_one_orders_token_opens_no_other_order(shop, order_id):
    other = await shop.place(an_order(("A", 1)), BOB)
    token = shop.world.digests.access_token(other.order_id)

    async with following(shop, CHANGED, id=order_id, token=token) as refused:
        assert await refused.refusal() == "NOT_FOUND"


async def test_no_order_named_and_no_cursor_of_ours_are_errors_that_say_so(shop, order_id):
    beyond = cursor_of(await shop.world.reads.log.end() + 1)

    async with following(shop, CHANGED, ADA) as nameless:
        assert await nameless.refusal() == "INVALID"
    for cursor in ("nonsense", "e", "eee-1", beyond):
        async with following(shop, CHANGED, ADA, id=order_id, after=cursor) as refused:
            assert await refused.refusal() == "INVALID"


async def test_a_cursor_whose_sequel_is_no_longer_kept_is_refused_but_the_beginning_is_where_it_begins(shop, order_id):
    kept = (await shop.world.reads.log.after(0, 1_000, order_id=order_id))[1]
    await shop.world.database.run(delete(EVENTS).where(EVENTS.c.position < kept.position))

    async with following(shop, CHANGED, ADA, id=order_id, after=cursor_of(kept.position - 2)) as refused:
        assert await refused.refusal() == "CURSOR_EXPIRED"
    for cursor in ("", cursor_of(kept.position - 1)):
        async with following(shop, CHANGED, ADA, id=order_id, after=cursor) as resumed:
            assert (await resumed.next())["cursor"] == kept.cursor


async def test_an_events_data_and_actor_are_for_those_with_the_scope(shop, order_id):
    async with following(shop, CHANGED, ADA, id=order_id) as customer:
        event = (await customer.next())["event"]
        assert (event["actor"], event["data"]) == (None, None)
    async with following(shop, CHANGED, OPERATIONS, id=order_id) as staff:
        event = (await staff.next())["event"]
        assert (event["actor"], "number" in event["data"]) == ("cus_ada", True)


# ── When it ends ──


async def test_it_ends_when_the_token_does_even_if_nothing_happens(shop, order_id):
    soon = replace(ADA, expires_at=NOW + timedelta(milliseconds=100))

    async with following(shop, CHANGED, soon, id=order_id) as ada:
        await ada.next()

        assert await ada.ends()
    assert shop.process.live.follower_count == 0


async def test_what_happens_after_the_token_ended_is_not_told(shop, order_id):
    async with following(shop, CHANGED, replace(ADA, expires_at=NOW + timedelta(hours=1)), id=order_id) as ada:
        await ada.next()
        shop.clock.forward(timedelta(hours=1))
        await cancel(shop, order_id)

        assert await ada.ends()


async def test_it_ends_when_the_right_does(shop, order_id, monkeypatch):
    async with following(shop, CHANGED, ADA, id=order_id) as ada:
        await ada.next()
        monkeypatch.setattr(Context, "orders_seen", orders_seen(BOB))
        await cancel(shop, order_id)

        assert await ada.ends()


async def test_it_ends_when_the_process_stops(shop, order_id):
    async with following(shop, CHANGED, ADA, id=order_id) as ada:
        await ada.next()
        ending = asyncio.create_task(ada.ends())
        await asyncio.sleep(0)
        await shop.process.live.stop()

        assert await ending


async def test_a_hundred_clients_killed_leave_nobody_following(shop, order_id):
    tasks_before = asyncio.all_tasks()
    all_live = asyncio.Barrier(101)

    async def follow() -> None:
        async with following(shop, CHANGED, ADA, id=order_id) as ada:
            await ada.next()
            await all_live.wait()
            await ada.next()

    clients = [asyncio.create_task(follow()) for _ in range(100)]
    await all_live.wait()
    assert shop.process.live.follower_count == 100
    for client in clients:
        client.cancel()
    await asyncio.wait(clients)

    assert shop.process.live.follower_count == 0
    assert asyncio.all_tasks() == tasks_before


async def test_who_falls_behind_reads_on_from_the_log_without_a_gap(shop, order_id, monkeypatch):
    monkeypatch.setattr(live, "FOLLOWER_EVENTS_MAX", 1)
    (line,) = await shop.lines(order_id)
    async with following(shop, CHANGED, ADA, id=order_id, after="") as slow:
        told = [(await slow.next())["cursor"]]
        for _ in range(3):
            await cancel(shop, order_id, (line.id, 1))
        kept = [event.cursor for event in await shop.world.reads.log.after(0, 100, order_id=order_id)]

        told += [(await slow.next())["cursor"] for _ in kept[1:]]

    assert told == kept


@pytest.mark.postgres
@pytest.mark.parametrize("bus", [pytest.param("redis", marks=pytest.mark.redis), "redis that is away"])
@pytest.mark.parametrize("migrated_database_url", ["postgresql"], indirect=True)
async def test_what_one_process_does_another_pushes_within_five_seconds(shop, order_id, bus, request):
    redis_url = request.getfixturevalue("redis_url") if bus == "redis" else "redis://127.0.0.1:1/"
    database_url = request.getfixturevalue("migrated_database_url")
    async with (
        a_shop(database_url, redis_url=redis_url, is_live=True) as one,
        a_shop(database_url, redis_url=redis_url, is_live=True) as other,
        following(other, CHANGED, ADA, id=order_id) as ada,
    ):
        await ada.next()

        await cancel(one, order_id)

        assert (await ada.next())["order"]["status"] == "CANCELED"


# ── All orders ──


async def test_all_orders_are_followed_from_now_on_by_those_who_may_and_as_they_filter(shop, order_id):
    async with (
        following(shop, EVENTS_OF_ORDERS, AGENT) as agent,
        following(shop, EVENTS_OF_ORDERS, BOB) as bob,
        following(shop, EVENTS_OF_ORDERS, AGENT, filter={"customerId": "cus_bob"}) as filtered,
        following(shop, EVENTS_OF_ORDERS, ROMAN) as roman,
    ):
        waiting = [asyncio.create_task(each.kinds(3)) for each in (agent, bob, filtered)]
        elsewhere = asyncio.create_task(roman.next())
        async with asyncio.timeout(SOON_S):
            while shop.process.live.follower_count < 4:  # noqa: ASYNC110  (who follows rings no bell)
                await asyncio.sleep(0.01)
        placed = await shop.place(an_order(("A", 1)), BOB)

        assert await asyncio.gather(*waiting) == [PLACED] * 3

        await cancel(shop, order_id)
        assert await agent.kinds(1) == ["order.canceled"]
        assert not elsewhere.done()
        elsewhere.cancel()
        await asyncio.wait([elsewhere])
    async with following(shop, EVENTS_OF_ORDERS, MILANESE, after="") as milanese:
        # Of the canceled order nothing is theirs any more.
        assert {(await milanese.next())["order"]["id"] for _ in PLACED} == {placed.order_id}


async def test_whoever_catches_up_is_told_of_orders_as_they_are_now_not_as_others_saw_them(shop, order_id):
    shared = Shared()

    async def first_seen() -> str:
        context = Context(shop.world, ADA, shared=shared)
        answers = await whole_schema().follow(Asked(CHANGED, {"id": order_id, "after": ""}), context)
        async with aclosing(answers):
            return (await Following(answers).next())["order"]["status"]

    before = await first_seen()
    await cancel(shop, order_id)

    assert (before, await first_seen()) == ("CONFIRMED", "CANCELED")


async def test_what_those_who_follow_live_read_of_an_event_is_read_once_for_all_of_them(shop, order_id):
    shared, (event, *_) = Shared(), await shop.world.reads.log.after(0, 10, order_id=order_id)
    with shop.counting_statements() as statements:
        await asyncio.gather(
            *(events._change(Context(shop.world, viewer), shared, event) for viewer in (AGENT, OPERATIONS, ADA) * 10)
        )

    # One for those who see every order, one for whose it is.
    assert len([statement for statement in statements if "FROM orders" in statement]) == 2


async def test_a_batch_of_events_is_matched_in_one_statement(shop, order_id):
    for _ in range(5):
        await shop.place(an_order(("A", 1)), BOB)

    with shop.counting_statements() as statements:
        async with following(shop, EVENTS_OF_ORDERS, AGENT, filter={"customerId": "cus_bob"}, after="") as bobs:
            await bobs.next()

    assert len([statement for statement in statements if "FROM orders" in statement]) == 2


# ── The feed ──


async def test_the_feed_is_read_page_by_page_to_its_end_and_on_from_there(shop, order_id):
    cursor, read = "", []
    while True:
        feed = (await shop.ask(FEED, OPERATIONS, after=cursor, first=2))["eventFeed"]
        read += feed["nodes"]
        if not feed["pageInfo"]["hasNextPage"]:
            break
        cursor = feed["pageInfo"]["endCursor"]
    at_its_end = (await shop.ask("{ eventCursor }", OPERATIONS))["eventCursor"]

    everything = await shop.world.reads.log.after(0, 1_000)
    assert [event["cursor"] for event in read] == [event.cursor for event in everything]
    assert at_its_end == read[-1]["cursor"]
    (placed,) = [event for event in read if event["kind"] == "order.placed"]
    assert placed["subject"] == {"id": order_id}
    assert placed["summary"].startswith("L'ordine ")
    assert (await shop.ask(FEED, OPERATIONS, after=at_its_end))["eventFeed"]["nodes"] == []


async def test_the_feed_is_narrowed_by_kind_and_an_unknown_kind_is_refused(shop, order_id):
    some = (await shop.ask(FEED, OPERATIONS, kinds=["order.placed", "order.confirmed"]))["eventFeed"]["nodes"]
    everything = (await shop.ask(FEED, OPERATIONS, kinds=[]))["eventFeed"]["nodes"]
    _, errors = await shop.answer(FEED, OPERATIONS, kinds=["order.placed", "order.eaten"])

    assert {event["kind"] for event in some} == {"order.placed", "order.confirmed"}
    assert len(everything) == len(await shop.kinds())
    assert errors[0].extensions == {"code": "INVALID", "path": ["kinds", "1"]}


async def test_the_feed_is_for_those_with_the_scope(shop, order_id):
    for viewer in (ANONYMOUS, ADA, AGENT, MILANESE):
        _, errors = await shop.answer(FEED, viewer)

        assert errors[0].extensions == {"code": "FORBIDDEN", "field": "eventFeed", "scope": "events:read"}


async def test_a_longer_feed_takes_no_more_statements(shop, order_id):
    await shop.ask(FEED, OPERATIONS, first=3)  # The first time there is no plan yet.
    with shop.counting_statements() as of_few:
        await shop.ask(FEED, OPERATIONS, first=3)
    for _ in range(5):
        await shop.place(an_order(("A", 1)), BOB)
    with shop.counting_statements() as of_many:
        nodes = (await shop.ask(FEED, OPERATIONS, first=18))["eventFeed"]["nodes"]

    assert len(nodes) == 18
    assert len(of_many) == len(of_few)


async def test_an_event_by_its_id_is_for_those_who_see_its_order(shop, order_id):
    (event, *_) = await shop.world.reads.log.after(0, 1, order_id=order_id)
    query = "query($id: ID!) { node(id: $id) { id } }"

    for viewer in (ADA, OPERATIONS, MILANESE):
        assert (await shop.ask(query, viewer, id=event.id))["node"] == {"id": event.id}
    for viewer in (BOB, ROMAN, ANONYMOUS):
        assert (await shop.ask(query, viewer, id=event.id))["node"] is None


# ── Summaries ──


@pytest.mark.parametrize("kind", EventKind, ids=lambda kind: kind.value)
def test_every_kind_is_one_sentence_in_every_language(kind):
    event = Event("evt_1", 1, kind.value, "ord_1", "ord_1", "system", NOW, {})

    sentences = [summary(event, language) for language in LANGUAGES]

    assert len(set(sentences)) == len(LANGUAGES)
    assert all(sentence.endswith(".") and "{" not in sentence for sentence in sentences)
    assert summary(event, "ja") == summary(event, None) == sentences[0]


async def test_what_services_record_is_all_that_sentences_ask_for(shop, order_id):
    (line,) = await shop.lines(order_id)
    await shop.run_jobs()
    await cancel(shop, order_id, (line.id, 1))
    await cancel(shop, order_id)
    await shop.run_jobs()

    told = [summary(event, "en") for event in await shop.world.reads.log.after(0, 1_000)]

    assert len(told) > 6
    assert not [sentence for sentence in told if "?" in sentence]
