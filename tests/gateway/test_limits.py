"""How much one caller may do, in one process and in several."""

import contextlib

import pytest

from domain.access import ANONYMOUS, Viewer, network_of
from gateway.limits import LimitedGuesses, RequestRate

ADA = Viewer("ada")
BEN = Viewer("ben")
HERE, THERE = "192.0.2.1", "192.0.2.2"


@pytest.fixture
async def guesses(settings):
    """Makes guesses' limits as one process has them."""
    async with contextlib.AsyncExitStack() as stack:

        def making(**given) -> LimitedGuesses:
            made = LimitedGuesses(settings(**given))
            stack.push_async_callback(made.close)
            return made

        yield making


async def tries(guesses, viewer, address, count, what="track"):
    return [await guesses.allow(what, viewer, address) for _ in range(count)]


async def test_a_caller_may_be_wrong_so_often_and_no_more(guesses):
    limited = guesses(guesses_per_caller="2/hour", guesses_per_address="100/hour")

    assert await tries(limited, ADA, HERE, 3) == [True, True, False]
    assert await tries(limited, ADA, THERE, 1) == [False]
    assert await tries(limited, BEN, HERE, 1) == [True]
    assert await tries(limited, ADA, HERE, 1, what="pickup") == [True]


async def test_an_address_may_be_wrong_so_often_and_no_more(guesses):
    limited = guesses(guesses_per_caller="100/hour", guesses_per_address="3/hour")

    assert await tries(limited, ANONYMOUS, HERE, 2) == [True, True]
    assert await tries(limited, ADA, HERE, 2) == [True, False]
    assert await tries(limited, ANONYMOUS, THERE, 1) == [True]


async def test_a_customer_with_an_ipv6_network_is_one_address(guesses):
    limited = guesses(guesses_per_address="1/hour")

    assert await tries(limited, ANONYMOUS, "2001:db8:0:1::1", 1) == [True]
    assert await tries(limited, ANONYMOUS, "2001:db8:0:1:ffff::2", 1) == [False]
    assert await tries(limited, ANONYMOUS, "2001:db8:0:2::1", 1) == [True]


@pytest.mark.redis
async def test_processes_count_guesses_together(guesses, redis_url):
    given = {"guesses_per_caller": "2/hour", "guesses_per_address": "100/hour", "redis_url": redis_url}
    one, other = guesses(**given), guesses(**given)

    assert await tries(one, ADA, HERE, 1, "together") == [True]
    assert await tries(other, ADA, HERE, 2, "together") == [True, False]


async def test_guesses_are_counted_while_redis_is_away(guesses):
    limited = guesses(guesses_per_caller="2/hour", redis_url="redis://127.0.0.1:1/0")

    assert await tries(limited, ADA, HERE, 3) == [True, True, False]


def test_requests_are_counted_by_caller_and_window(settings):
    now = 1_000_000.0
    rate = RequestRate(settings(request_rate="2/10 second; 5/hour"), now=lambda: now)

    assert [rate.wait(ADA, HERE) for _ in range(3)] == [0, 0, 10]
    assert rate.wait(ANONYMOUS, HERE) == 0
    now += 10.5
    assert [rate.wait(ADA, HERE) for _ in range(3)] == [0, 0, 790]


def test_a_burst_of_a_hundred_orders_from_one_address_passes(client):
    gateway = client()

    answers = [gateway.post("/graphql", json={"query": 'mutation { shout(text: "a") }'}) for _ in range(100)]

    assert {answer.status_code for answer in answers} == {200}


def test_one_request_too_many_is_told_when_to_come_back(client):
    gateway = client(request_rate="1/hour")

    first, second = (gateway.post("/graphql", json={"query": "{ hello }"}) for _ in range(2))

    assert first.status_code == 200
    assert second.status_code == 429
    assert 0 < int(second.headers["retry-after"]) <= 3_600
    assert second.json()["errors"][0]["extensions"] == {"code": "TOO_MANY_REQUESTS"}


@pytest.mark.parametrize(
    ("address", "network"),
    [("192.0.2.1", "192.0.2.1"), ("2001:db8::1", "2001:db8::/64"), ("testclient", "testclient"), ("", "")],
)
def test_an_address_is_told_from_others_by_what_its_owner_was_given(address, network):
    assert network_of(address) == network
