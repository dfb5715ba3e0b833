"""An event is executed and encoded once for all to whom the answer is the same, and for nobody to whom it is not."""

import asyncio
from dataclasses import replace

import orjson
import pytest
import strawberry

from domain.access import ANONYMOUS, Role
from gateway.serving import Asked, Roots, build_schema
from gateway.settings import read_settings
from resolvers.context import Context
from resolvers.sharing import SHARED_S, Shared
from schema.common import Info
from schema.shapes import NullWithout
from tests.factories import a_viewer

OPERATIONS = a_viewer(Role.OPERATIONS)
ADA = a_viewer(Role.CUSTOMER, customer_id="cus_ada")
BOB = a_viewer(Role.CUSTOMER, customer_id="cus_bob")
EXECUTED: list[str] = []
HAPPENED = object()  # One event, that all are told of.


@strawberry.type
class Told:
    @strawberry.field
    def plain(self) -> str:
        EXECUTED.append("plain")
        return "it happened"

    @strawberry.field
    def greeting(self, info: Info) -> str:
        EXECUTED.append("greeting")
        return {"it": "ciao"}.get(info.context.language or "", "hello")

    @strawberry.field
    async def own(self, info: Info) -> str:
        EXECUTED.append("own")
        return info.context.viewer.customer_id or "nobody's"

    @strawberry.field
    def all_seen(self, info: Info) -> bool:
        EXECUTED.append("all_seen")
        return info.context.orders_seen.all

    @strawberry.field(extensions=[NullWithout(next(iter(OPERATIONS.scopes)))])
    def secret(self) -> str | None:
        return "for the staff"

    @strawberry.field
    def echo(self, text: str) -> str:
        EXECUTED.append("echo")
        return text


@strawberry.type
class Query:
    nothing: str | None = None


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def happened(self, text: str = "") -> Told:
        yield HAPPENED


# What is shared is one value for all: the field is read from the event, whatever it is.
Told.is_type_of = classmethod(lambda _cls, value, _info: value is HAPPENED)


@pytest.fixture(params=[True, False], ids=["compiled", "by graphql-core"])
def schema(request):
    EXECUTED.clear()
    return build_schema(Roots(Query, None, Subscription), read_settings(compiled=request.param))


async def told(schema, fields, viewer, language=None, **variables):
    """What a subscriber is told of the one event."""
    declared = "($text: String!)" if variables else ""
    context = Context(None, viewer, language, shared=schema.shared)
    answers = await schema.follow(Asked(f"subscription {declared} {{ happened {{ {fields} }} }}", variables), context)
    return [orjson.loads(answer)["data"]["happened"] async for answer in answers]


async def test_many_who_ask_the_same_are_told_the_same_by_one_execution(schema):
    answers = await asyncio.gather(*(told(schema, "plain", ANONYMOUS) for _ in range(50)))

    assert answers == [[{"plain": "it happened"}]] * 50
    assert EXECUTED == ["plain"]


async def test_of_whom_nothing_was_read_it_makes_no_difference_who_they_are(schema):
    await told(schema, "plain allSeen", ADA)
    await told(schema, "plain allSeen", replace(ADA, subject="another token of hers"))

    assert EXECUTED == ["plain", "all_seen"]


async def test_two_viewers_are_each_told_what_is_theirs(schema):
    together = await asyncio.gather(*(told(schema, "own", each) for each in (ADA, BOB, ADA, BOB, ANONYMOUS)))

    assert together == [[{"own": name}] for name in ("cus_ada", "cus_bob", "cus_ada", "cus_bob", "nobody's")]
    assert EXECUTED == ["own"] * 3


async def test_each_is_told_in_their_language(schema):
    together = await asyncio.gather(*(told(schema, "greeting", ANONYMOUS, tag) for tag in ("it", "de", "it", None)))

    assert together == [[{"greeting": text}] for text in ("ciao", "hello", "ciao", "hello")]
    assert EXECUTED == ["greeting"] * 3


async def test_what_ones_rights_do_not_open_is_null_beside_one_whose_rights_do(schema):
    together = await asyncio.gather(*(told(schema, "secret", each) for each in (OPERATIONS, ANONYMOUS) * 2))

    assert together == [[{"secret": "for the staff"}], [{"secret": None}]] * 2


async def test_other_variables_are_another_question(schema):
    together = await asyncio.gather(*(told(schema, "echo(text: $text)", ANONYMOUS, text=text) for text in "aba"))

    assert together == [[{"echo": text}] for text in "aba"]
    assert EXECUTED == ["echo"] * 2


# ── What is worked out once ──


async def test_whoever_goes_away_leaves_the_work_to_those_who_stay():
    shared, begun, go = Shared(), [], asyncio.Event()

    async def work():
        begun.append(1)
        await go.wait()
        return "done"

    first, second = (asyncio.create_task(shared.get("key", work)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    go.set()

    assert await second == "done"
    assert begun == [1]


async def test_what_failed_is_told_to_those_who_waited_and_tried_again_for_the_next():
    shared = Shared()
    tries = iter([RuntimeError("no"), "yes"])

    async def work():
        await asyncio.sleep(0)
        if isinstance(tried := next(tries), Exception):
            raise tried
        return tried

    failed = await asyncio.gather(*(shared.get("key", work) for _ in range(3)), return_exceptions=True)

    assert [str(each) for each in failed] == ["no"] * 3
    assert await shared.get("key", work) == "yes"


async def test_nothing_is_shared_for_longer_than_the_bound():
    now, answers = [0.0], iter(range(3))
    shared = Shared(lambda: now[0])

    async def work():
        return next(answers)

    found = []
    for at in (0.0, SHARED_S, SHARED_S + 0.01):
        now[0] = at
        found.append(await shared.get("key", work))

    assert found == [0, 0, 1]


async def test_no_more_is_kept_than_the_bound(monkeypatch):
    monkeypatch.setattr("resolvers.sharing.SHARED_MAX", 2)
    shared = Shared()

    async def work():
        return object()

    first = await shared.get(0, work)
    for key in (1, 2):
        await shared.get(key, work)

    assert await shared.get(0, work) is not first
