"""Subscriptions over graphql-transport-ws: who one is, how much one may have, and that nothing stays behind."""

from contextlib import contextmanager
from datetime import timedelta

import pytest
from starlette.websockets import WebSocketDisconnect

from gateway.http import Gateway

SUBPROTOCOL = "graphql-transport-ws"


@contextmanager
def connected(client, payload=None, headers=None, init=True):
    with client.websocket_connect("/graphql", subprotocols=[SUBPROTOCOL], headers=headers or {}) as socket:
        if init:
            socket.send_json({"type": "connection_init"} | ({"payload": payload} if payload is not None else {}))
            assert socket.receive_json() == {"type": "connection_ack"}
        yield socket


def subscribe(socket, query, id="1", **payload):
    socket.send_json({"type": "subscribe", "id": id, "payload": {"query": query, **payload}})


def received(socket, count):
    return [socket.receive_json() for _ in range(count)]


def closed(socket):
    with pytest.raises(WebSocketDisconnect) as closing:
        received(socket, 10)
    return closing.value


def test_a_subscription_is_answered_event_by_event(client):
    with connected(client()) as socket:
        subscribe(socket, "subscription ($n: Int!) { ticks(until: $n) }", variables={"n": 2})

        assert received(socket, 3) == [
            {"id": "1", "type": "next", "payload": {"data": {"ticks": "nobody 0"}}},
            {"id": "1", "type": "next", "payload": {"data": {"ticks": "nobody 1"}}},
            {"id": "1", "type": "complete"},
        ]


def test_queries_and_mutations_are_answered_too(client):
    with connected(client()) as socket:
        subscribe(socket, 'mutation { shout(text: "a") }')

        assert received(socket, 1)[0]["payload"] == {"data": {"shout": "A"}}


@pytest.mark.parametrize("name", ["authorization", "Authorization"])
def test_the_token_of_connection_init_says_who_one_is(client, bearer, name):
    token = bearer("customer", customer="ada")["authorization"]

    with connected(client(), {name: token}) as socket:
        subscribe(socket, "{ who }")

        assert received(socket, 1)[0]["payload"] == {"data": {"who": "cus_ada cus_ada"}}


def test_the_token_of_the_handshake_is_not_ignored(client, bearer):
    with connected(client(), headers=bearer("agent")) as socket:
        subscribe(socket, "{ who }")

        assert received(socket, 1)[0]["payload"] == {"data": {"who": "agent -"}}


@pytest.mark.parametrize("shown", ["Bearer x.y.z", "", 7, ["Bearer"]])
def test_a_token_that_is_not_believed_closes_the_socket(client, shown):
    with connected(client(), init=False) as socket:
        socket.send_json({"type": "connection_init", "payload": {"authorization": shown}})

        assert closed(socket).code == 4403


def test_the_socket_closes_when_its_token_expires(client, bearer, monkeypatch):
    monkeypatch.setattr("gateway.sockets.EXPIRY_GRACE_S", 0)
    token = bearer("agent", lifetime=timedelta(seconds=-5))  # Within the leeway, and over at once.

    with connected(client(), token) as socket:
        subscribe(socket, "subscription { forever }")

        assert closed(socket).code == 4403


def test_a_root_field_one_may_not_ask_is_refused_alone(client):
    with connected(client()) as socket:
        subscribe(socket, "{ secrets }")
        (refused,) = received(socket, 1)
        subscribe(socket, "{ hello }")

        assert refused["type"] == "error"
        assert refused["payload"][0]["extensions"]["code"] == "FORBIDDEN"
        assert received(socket, 1)[0]["payload"] == {"data": {"hello": "hello world"}}


@pytest.mark.parametrize(
    "query", ["{", "{ nothing }", "query A { hello } query B { hello }", "fragment F on Query { hello }", ""]
)
def test_a_wrong_document_ends_its_operation_and_not_the_socket(client, query):
    with connected(client()) as socket:
        subscribe(socket, query)
        (refused,) = received(socket, 1)
        subscribe(socket, "{ hello }")

        assert (refused["type"], refused["id"]) == ("error", "1")
        assert received(socket, 1)[0]["type"] == "next"


def test_a_fault_within_a_stream_is_masked(client):
    with connected(client()) as socket:
        subscribe(socket, "subscription { snaps }")

        (_, fault) = received(socket, 2)

        assert fault["payload"]["errors"][0]["extensions"]["code"] == "INTERNAL"
        assert "SELECT" not in str(fault)


@pytest.mark.parametrize(
    "message",
    [
        '"hello"',
        "[]",
        "{}",
        '{"type": 7}',
        '{"type": "nonsense"}',
        '{"type": "subscribe"}',
        '{"type": "subscribe", "id": 7, "payload": {"query": "{ hello }"}}',
        '{"type": "subscribe", "id": ["1"], "payload": {"query": "{ hello }"}}',
        '{"type": "subscribe", "id": "1", "payload": "{ hello }"}',
        '{"type": "complete", "id": {}}',
        "not json",
    ],
)
def test_what_is_no_message_closes_the_socket_as_the_protocol_says(client, message):
    with connected(client()) as socket:
        socket.send_text(message)

        assert closed(socket).code == 4400


@pytest.mark.parametrize(
    "payload", [{"query": 7}, {"query": "{ hello }", "variables": []}, {"query": "{ hello }", "operationName": 7}]
)
def test_a_request_that_is_none_is_refused_as_over_http(client, payload):
    with connected(client()) as socket:
        socket.send_json({"type": "subscribe", "id": "1", "payload": payload})

        assert received(socket, 1)[0]["payload"][0]["extensions"] == {"code": "BAD_REQUEST"}


def test_asking_before_one_is_known_closes_the_socket(client):
    with connected(client(), init=False) as socket:
        subscribe(socket, "{ hello }")

        assert closed(socket).code == 4401


def test_who_never_says_who_they_are_is_let_go(client):
    with connected(client(socket_init_seconds=0.05), init=False) as socket:
        assert closed(socket).code == 4408


def test_another_protocol_is_refused(client):
    with client().websocket_connect("/graphql", subprotocols=["graphql-ws"]) as socket:
        assert closed(socket).code == 4406


def test_a_socket_has_so_many_subscriptions_and_no_more(client):
    with connected(client(subscriptions_per_socket_max=2)) as socket:
        for number in "123":
            subscribe(socket, "subscription { forever }", id=number)
        answers = {each["id"]: each["type"] for each in received(socket, 3)}

        assert answers == {"1": "next", "2": "next", "3": "error"}


def test_an_address_has_so_many_sockets_and_no_more(client):
    gateway = client(sockets_per_address_max=1)

    with connected(gateway), gateway.websocket_connect("/graphql", subprotocols=[SUBPROTOCOL]) as second:
        assert closed(second).code == 1013
    with connected(gateway) as third:
        subscribe(third, "{ hello }")
        assert received(third, 1)[0]["type"] == "next"


def test_operations_over_a_socket_count_as_requests(client):
    with connected(client(request_rate="2/hour")) as socket:
        for number in "123":
            subscribe(socket, "{ hello }", id=number)
        last = received(socket, 5)[-1]

        assert last["payload"][0]["extensions"] == {"code": "TOO_MANY_REQUESTS"}


def test_a_socket_that_goes_away_leaves_nothing_behind(client, bearer):
    gateway = client()
    figures = lambda: gateway.get("/metrics", headers=bearer("operations")).text  # noqa: E731

    with connected(gateway) as socket:
        subscribe(socket, "subscription { forever }")
        received(socket, 1)
        assert "orderloom_sockets 1.0" in figures()
        assert "orderloom_subscriptions 1.0" in figures()

    assert "orderloom_sockets 0.0" in figures()
    assert "orderloom_subscriptions 0.0" in figures()


def test_each_operation_of_a_socket_has_a_context_of_its_own(client, monkeypatch):
    made = []
    context = Gateway.context
    monkeypatch.setattr(Gateway, "context", lambda *args: made.append(context(*args)) or made[-1])

    with connected(client()) as socket:
        subscribe(socket, "{ hello }", id="1")
        received(socket, 2)
        subscribe(socket, "{ hello }", id="2")
        received(socket, 2)

    assert len(made) == 2
    assert made[0] is not made[1]
