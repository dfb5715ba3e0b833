"""The MUSTs and SHOULDs of the GraphQL-over-HTTP specification, and what we take beside them."""

import json
import re
from urllib.parse import urlencode

import pytest

NEW = "application/graphql-response+json"
OLD = "application/json"
HELLO = {"query": "{ hello }"}


def post(client, body, accept=NEW, **headers):
    content = body if isinstance(body, bytes) else json.dumps(body)
    return client.post("/graphql", content=content, headers={"content-type": OLD, "accept": accept, **headers})


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (NEW, NEW),
        (OLD, OLD),
        (f"{NEW}, {OLD};q=0.9", NEW),
        (f"{NEW};q=0.5, {OLD}", OLD),
        (f"{OLD}, {NEW}", NEW),
        (f"{NEW}; charset=utf-8, {OLD}; charset=utf-8", NEW),
        ("*/*", OLD),
        ("application/*", OLD),
        (f"{NEW};q=0, */*", OLD),
        (f"text/html, {NEW};q=0.1", NEW),
        ("APPLICATION/JSON", OLD),
        ("", NEW),
    ],
)
def test_the_answer_has_the_media_type_the_caller_likes_best(client, accept, media_type):
    answer = post(client(), HELLO, accept)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == f"{media_type}; charset=utf-8"
    assert answer.json() == {"data": {"hello": "hello world"}}


@pytest.mark.parametrize("accept", ["text/html", "application/xml", f"{OLD};q=0", "image/*"])
def test_a_caller_that_takes_neither_media_type_is_told_406(client, accept):
    assert post(client(), HELLO, accept).status_code == 406


@pytest.mark.parametrize(
    ("body", "new", "old"),
    [
        (HELLO, 200, 200),
        ({"query": "query A { hello } query B { leaf { name } }", "operationName": "A"}, 200, 200),
        ({"query": "{ hello }", "operationName": None, "variables": None, "extensions": None}, 200, 200),
        ({"query": "{ hello }", "operationName": "", "extensions": {"a": 1}}, 200, 200),
        ({"query": "query ($n: String!) { hello(name: $n) }", "variables": {"n": "Ada"}}, 200, 200),
        # Well-formed, and wrong.
        ({"query": "{"}, 400, 200),
        ({"query": "{ nothing }"}, 400, 200),
        ({"query": "query ($n: String!) { hello(name: $n) }"}, 400, 200),
        ({"query": "query ($n: String!) { hello(name: $n) }", "variables": {"n": [1]}}, 400, 200),
        ({"query": "query A { hello } query B { hello }"}, 400, 200),
        ({"query": "query A { hello }", "operationName": "C"}, 400, 200),
        ({"query": "fragment F on Query { hello }"}, 400, 200),
        ({"query": "subscription { ticks(until: 1) }"}, 400, 200),
        ({"query": "{ secrets }"}, 403, 200),
        # A field that fails is no failed request.
        ({"query": "{ broken }"}, 200, 200),
        ({"query": "{ needed }"}, 200, 200),
        # Not well-formed.
        (b"{", 400, 400),
        (b"", 400, 400),
        (b"\xff", 400, 400),
        (b"NONSENSE", 400, 400),
        ([HELLO], 400, 400),
        ("{ hello }", 400, 400),
        ({}, 400, 400),
        ({"qeury": "{ hello }"}, 400, 400),
        ({"query": None}, 400, 400),
        ({"query": 7}, 400, 400),
        ({"query": ["{ hello }"]}, 400, 400),
        ({"query": {"a": 1}}, 400, 400),
        ({"query": "{ hello }", "operationName": 7}, 400, 400),
        ({"query": "{ hello }", "operationName": {"a": 1}}, 400, 400),
        ({"query": "{ hello }", "variables": "{}"}, 400, 400),
        ({"query": "{ hello }", "variables": [7]}, 400, 400),
        ({"query": "{ hello }", "extensions": 7}, 400, 400),
        ({"query": "{ hello }", "extensions": []}, 400, 400),
        ({"query": '{ hello(name: "a\\u0000") }'}, 400, 200),
        ({"query": "query ($n: String!) { hello(name: $n) }", "variables": {"n": "a\x00"}}, 400, 400),
    ],
)
def test_the_status_says_what_the_specification_says(client, body, new, old):
    gateway = client()

    newer, older = post(gateway, body), post(gateway, body, OLD)

    assert (newer.status_code, older.status_code) == (new, old)
    assert newer.headers["content-type"] == f"{NEW}; charset=utf-8"
    # Without `data` nothing was executed; only a request that was executed has it.
    assert ("data" in newer.json()) == ("data" in older.json()) == (new == 200)
    assert all(error["extensions"]["code"] for error in newer.json().get("errors", []))


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD"])
def test_other_methods_are_not_allowed(client, method):
    answer = client().request(method, "/graphql", headers={"accept": NEW})

    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, POST"


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ('Application/JSON; charset="UTF-8"', 200),
        ("application/json; charset=latin-1", 415),
        ("text/plain", 415),
        ("application/graphql", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("", 415),
    ],
)
def test_a_body_is_json_in_utf_8(client, content_type, status):
    answer = client().post("/graphql", content=json.dumps(HELLO), headers={"content-type": content_type})

    assert answer.status_code == status


def test_a_compressed_body_is_refused(client):
    assert post(client(), HELLO, **{"content-encoding": "gzip"}).status_code == 415


def test_text_beyond_ascii_comes_back_as_it_went(client):
    asked = {"query": "query ($n: String!) { hello(name: $n) }", "variables": {"n": "Zoë 織"}}

    answer = post(client(), json.dumps(asked, ensure_ascii=False).encode())

    assert "Zoë 織" in answer.content.decode()


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_that_is_too_long_is_refused(client, declared):
    body = json.dumps({"query": "{ hello }", "extensions": {"a": "x" * 5_000}}).encode()
    sent = body if declared else iter([body[:3_000], body[3_000:]])

    answer = client(body_bytes_max=4_096).post("/graphql", content=sent, headers={"content-type": OLD})

    assert answer.status_code == 413
    assert "4096 bytes" in answer.json()["errors"][0]["message"]


def test_variables_with_too_many_values_are_refused(client):
    asked = {"query": "query ($n: [String!]!) { named(names: $n) { name } }", "variables": {"n": ["a"] * 20}}

    assert post(client(variable_values_max=20), asked).status_code == 400
    assert post(client(variable_values_max=30), asked).status_code == 200


# ── GET ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        ({"query": "{ hello }"}, 200),
        ({"query": "query ($n: String!) { hello(name: $n) }", "variables": '{"n": "Ada"}'}, 200),
        ({"query": "query A { hello } query B { hello }", "operationName": "A", "extensions": "{}"}, 200),
        ({"query": "{ hello }", "operationName": "", "variables": ""}, 200),
        ({"query": "query null { hello }", "operationName": "null"}, 200),
        ({"query": "{ hello }", "variables": "{"}, 400),
        ({"query": "{ hello }", "variables": "[]"}, 400),
        ({}, 400),
        ({"query": 'mutation { shout(text: "a") }'}, 405),
    ],
)
def test_queries_and_only_queries_may_be_asked_by_get(client, parameters, status):
    gateway = client()

    for accept in (NEW, OLD):
        answer = gateway.get(f"/graphql?{urlencode(parameters)}", headers={"accept": accept})

        assert answer.status_code == status
        if status == 405:
            assert answer.headers["allow"] == "POST"


def test_a_browser_is_shown_graphiql_and_a_program_never_is(client):
    browser = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    gateway = client()

    page = gateway.get("/graphql", headers=browser)

    assert page.headers["content-type"].startswith("text/html")
    assert "script-src 'self';" in page.headers["content-security-policy"]
    assert gateway.get("/graphql?query={hello}", headers=browser).json() == {"data": {"hello": "hello world"}}
    assert gateway.get("/graphql", headers={"accept": "*/*"}).status_code == 400
    assert client(graphiql=False).get("/graphql", headers={"accept": "text/html"}).status_code == 406


# ── Beside the specification ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("it", "it"),
        ("fr;q=0.3, de-AT;q=0.8, en;q=0.5", "de-AT"),
        ("*", None),
        ("en;q=0, *", None),
        ("x'; DROP TABLE", None),
        ("en, fr", "en"),
    ],
)
def test_the_language_is_the_one_the_caller_likes_best(client, header, language):
    answer = post(client(), {"query": "{ language }"}, **{"accept-language": header})

    assert answer.json() == {"data": {"language": language}}


@pytest.mark.parametrize(
    ("trusted", "forwarded", "address"),
    [
        ("", "203.0.113.9", "192.0.2.1"),
        ("192.0.2.0/24", "203.0.113.9", "203.0.113.9"),
        ("192.0.2.0/24", "198.51.100.7, 203.0.113.9", "203.0.113.9"),
        ("192.0.2.0/24, 203.0.113.9", "198.51.100.7, 203.0.113.9", "198.51.100.7"),
        ("192.0.2.0/24", "", "192.0.2.1"),
    ],
)
def test_a_forwarded_address_is_believed_of_trusted_proxies_only(client, trusted, forwarded, address):
    gateway = client(trusted_proxies=trusted)
    gateway._transport.client = ("192.0.2.1", 5)

    answer = post(gateway, {"query": "{ address }"}, **({"x-forwarded-for": forwarded} if forwarded else {}))

    assert answer.json() == {"data": {"address": address}}


def test_who_asks_is_told_where_the_time_went(client):
    gateway = client()

    told = post(gateway, HELLO, **{"x-server-timing": "1"}).headers["server-timing"]

    assert re.fullmatch(r"read;dur=\d+\.\d\d, execute;dur=\d+\.\d\d, encode;dur=\d+\.\d\d", told)
    assert "server-timing" not in post(gateway, HELLO).headers


def test_a_request_id_is_taken_where_it_is_sane_and_made_where_not(client):
    gateway = client()

    assert post(gateway, HELLO, **{"x-request-id": "trace-7.a_b"}).headers["x-request-id"] == "trace-7.a_b"
    made = post(gateway, HELLO, **{"x-request-id": "a b" + "c" * 100}).headers["x-request-id"]
    assert made != post(gateway, HELLO).headers["x-request-id"]
    assert made.isalnum()


def test_answers_are_kept_by_nobody(client):
    gateway = client()

    assert gateway.get("/graphql", params=HELLO).headers["cache-control"] == "no-store"
    assert gateway.get("/graphql").headers["cache-control"] == "no-store"
    assert "cache-control" not in post(gateway, HELLO).headers  # To a POST, that is so by itself.


def test_no_answer_is_taken_for_another_kind_of_file(client):
    assert post(client(), HELLO).headers["x-content-type-options"] == "nosniff"


def test_other_origins_may_ask_where_they_are_named(client):
    gateway = client(cors_origins="https://shop.example, https://app.example")
    preflight = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}

    assert post(gateway, HELLO, origin="https://app.example").headers["access-control-allow-origin"] == (
        "https://app.example"
    )
    assert "access-control-allow-origin" not in post(gateway, HELLO, origin="https://evil.example").headers
    assert gateway.options("/graphql", headers={"origin": "https://shop.example", **preflight}).status_code == 200
    assert gateway.options("/graphql", headers={"origin": "https://evil.example", **preflight}).status_code == 400
    assert "access-control-allow-origin" not in post(client(), HELLO, origin="https://app.example").headers
