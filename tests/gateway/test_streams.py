"""Subscriptions over HTTP: as server-sent events, and as the parts of one long answer."""

import pytest

from gateway import streams

EVENTS = {"Accept": "text/event-stream"}
PARTS = {"Accept": 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0,application/json'}
TICKS = "subscription ($n: Int!) { ticks(until: $n) }"


@pytest.mark.parametrize("by", ["post", "get"])
def test_each_event_is_a_server_sent_event_and_the_end_is_told(client, by):
    gateway = client()
    asked = {"query": TICKS, "variables": {"n": 2}}

    if by == "post":
        answer = gateway.post("/graphql", json=asked, headers=EVENTS)
    else:
        answer = gateway.get("/graphql", params=asked | {"variables": '{"n": 2}'}, headers=EVENTS)

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text == (
        'event: next\ndata: {"data":{"ticks":"nobody 0"}}\n\n'
        'event: next\ndata: {"data":{"ticks":"nobody 1"}}\n\n'
        "event: complete\ndata: \n\n"
    )


def test_each_event_is_a_part_for_clients_that_take_parts(client):
    answer = client().post("/graphql", json={"query": TICKS, "variables": {"n": 1}}, headers=PARTS)

    assert answer.headers["content-type"].startswith("multipart/mixed")
    part = "\r\n--graphql\r\nContent-Type: application/json\r\n\r\n"
    assert answer.text == f'{part}{{"payload":{{"data":{{"ticks":"nobody 0"}}}}}}\r\n--graphql--\r\n'


def test_a_query_is_answered_as_an_event_to_those_who_take_nothing_else(client):
    only_events = client().post("/graphql", json={"query": "{ hello }"}, headers=EVENTS)
    rather_json = client().post("/graphql", json={"query": "{ hello }"}, headers=PARTS)

    assert only_events.text.startswith('event: next\ndata: {"data":{"hello":"hello world"}}\n\nevent: complete')
    assert rather_json.json() == {"data": {"hello": "hello world"}}


def test_what_is_wrong_with_a_document_is_told_as_an_event(client):
    answer = client().post("/graphql", json={"query": "subscription { nothing }"}, headers=EVENTS)

    assert answer.status_code == 200
    assert answer.text.startswith('event: next\ndata: {"errors":[{"message":"Cannot query field')
    assert answer.text.endswith("event: complete\ndata: \n\n")


def test_mutations_are_not_asked_by_get_whatever_is_accepted(client):
    answer = client().get("/graphql", params={"query": 'mutation { shout(text: "a") }'}, headers=EVENTS)

    assert "METHOD_NOT_ALLOWED" in answer.text


def test_a_subscription_is_refused_to_those_who_take_one_answer(client):
    answer = client().post("/graphql", json={"query": TICKS, "variables": {"n": 1}})

    assert "server-sent events" in answer.json()["errors"][0]["message"]


def test_too_many_streams_of_one_address_are_refused(client):
    answer = client(sockets_max=1, sockets_per_address_max=1)
    with answer.websocket_connect("/graphql", subprotocols=["graphql-transport-ws"]):
        refused = answer.post("/graphql", json={"query": TICKS, "variables": {"n": 1}}, headers=EVENTS)

    assert refused.status_code == 429
    assert refused.json()["errors"][0]["extensions"]["code"] == "TOO_MANY_CONNECTIONS"


async def test_silence_is_filled_with_heartbeats_and_who_takes_nothing_is_let_go(monkeypatch):
    """Time is the framing's own: a heartbeat after no wait at all, a caller that never takes its third message."""
    monkeypatch.setattr(streams, "HEARTBEAT_S", 0.001)
    sent, closed = [], []

    async def answers():
        try:
            yield b"{}"
            await streams.asyncio.Event().wait()
        finally:
            closed.append(True)

    async def send(message):
        sent.append(message.get("body"))

    async def taken(sending):
        await sending
        return len(sent) < 4

    async def receive():
        await streams.asyncio.Event().wait()

    monkeypatch.setattr(streams, "taken", taken)

    await streams.stream(answers(), streams.SERVER_SENT_EVENTS, receive, send)

    assert sent == [None, b"event: next\ndata: {}\n\n", b":\n\n", b":\n\n"]
    assert closed == [True]
