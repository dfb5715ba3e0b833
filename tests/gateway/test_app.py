"""What is answered beside GraphQL, and what is logged of it."""

import asyncio
import io
import json
import logging
import re
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
import structlog
from graphql import parse, validate
from prometheus_client import generate_latest
from starlette.testclient import TestClient

from gateway import console
from gateway.app import ROOTS, assemble
from gateway.http import GraphQLOverHttp
from gateway.serving import build_schema
from gateway.telemetry import OPERATION_NAMES_MAX, Telemetry, configure_logging


def test_the_landing_page_leads_everywhere_and_everywhere_is_there(client):
    gateway = client()

    page = gateway.get("/")
    links = re.findall(r'(?:href|src)="([^"]+)"', page.text)

    assert page.status_code == 200
    assert page.headers["referrer-policy"] == "no-referrer"
    assert {"/graphql", "/schema.graphql", "/health"} < set(links)
    for link in links:
        assert gateway.get(link, headers={"accept": "text/html"}).status_code == 200, link


def test_graphiql_needs_nothing_from_elsewhere(client):
    gateway = client()

    page = gateway.get("/graphql", headers={"accept": "text/html"})
    parts = re.findall(r'(?:href|src)="([^"]+)"', page.text)

    assert all(part.startswith("/console/") for part in parts)
    assert {gateway.get(part).status_code for part in parts} == {200}
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert not re.search(r"<script>|<style>| on\w+=", page.text)


def test_the_examples_in_graphiql_are_valid(settings):
    script = (Path(console.__file__).parent / "static" / "graphiql.js").read_text()
    examples = re.findall(r"query: `(.+?)`", script, re.DOTALL)
    schema = build_schema(ROOTS, settings()).graphql

    assert len(examples) == 3
    assert [validate(schema, parse(example)) for example in examples] == [[], [], []]


def test_nothing_outside_the_folder_of_assets_is_served(client):
    for path in ("/console/../landing.html", "/console/%2e%2e/landing.html", "/console/"):
        assert client().get(path).status_code == 404


def test_the_schema_is_served_unless_it_is_kept(client):
    assert "type Query" in client().get("/schema.graphql").text
    assert client(introspection=False).get("/schema.graphql").status_code == 404


def test_a_process_that_can_work_says_so(client):
    gateway = client()

    assert gateway.get("/health").json() == {"status": "alive"}
    assert gateway.get("/ready").json() == {"status": "ready", "database": "ok"}


def test_a_process_without_its_redis_is_ready_and_says_what_is_missing(client):
    answer = client(redis_url="redis://127.0.0.1:1/0").get("/ready")

    assert answer.status_code == 200
    assert answer.json() == {"status": "ready", "database": "ok", "redis": "unavailable"}


def test_a_process_without_its_database_is_alive_and_not_ready(settings):
    class Log:
        async def end(self):
            raise ConnectionRefusedError

    @asynccontextmanager
    async def opened(_telemetry):
        yield SimpleNamespace(reads=SimpleNamespace(log=Log()))

    with TestClient(assemble(settings(), ROOTS, opened)) as gateway:
        assert gateway.get("/health").status_code == 200
        answer = gateway.get("/ready")

    assert answer.status_code == 503
    assert answer.json() == {"status": "not ready", "database": "unavailable"}


# ── Figures ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("role", "status"), [(None, 401), ("agent", 403), ("operations", 200)])
def test_metrics_are_for_those_who_may_read_them(client, bearer, role, status):
    assert client().get("/metrics", headers=bearer(role) if role else {}).status_code == status


def test_metrics_may_be_off(client, bearer):
    assert client(metrics=False).get("/metrics", headers=bearer("operations")).status_code == 404


def test_operations_are_counted_by_what_became_of_them(client, bearer):
    gateway = client()
    for query in ("query A { hello }", "{ secrets }", "query B { broken }", "{"):
        gateway.post("/graphql", json={"query": query})

    figures = gateway.get("/metrics", headers=bearer("operations")).text

    assert 'orderloom_operations_total{name="A",outcome="ok",type="query"} 1.0' in figures
    assert 'orderloom_operations_total{name="anonymous",outcome="refused",type="query"} 1.0' in figures
    assert 'orderloom_operations_total{name="B",outcome="fault",type="query"} 1.0' in figures
    assert 'orderloom_operations_total{name="anonymous",outcome="refused",type="none"} 1.0' in figures
    assert 'orderloom_http_requests_total{method="POST",status="200"} 4.0' in figures
    assert "orderloom_requests_in_flight 1.0" in figures


async def test_figures_are_told_to_the_processes_that_answer_for_this_one(monkeypatch):
    monkeypatch.setattr("gateway.telemetry.TOLD_EVERY_S", 0)
    telemetry = Telemetry()
    told = lambda: generate_latest(telemetry._registry).decode()  # noqa: E731  (as another process finds them)
    telemetry.request("POST", 200)
    assert 'method="POST"' not in told()

    async with telemetry.telling():
        for _ in range(3):  # Its task begins, sleeps, and tells.
            await asyncio.sleep(0)
        assert 'orderloom_http_requests_total{method="POST",status="200"} 1.0' in told()
        telemetry.request("POST", 200)

    assert 'orderloom_http_requests_total{method="POST",status="200"} 2.0' in told()


def test_durations_are_told_by_the_operations_name():
    telemetry = Telemetry()
    for seconds in (0.002, 0.2):
        telemetry.operation("query", "Stock", "ok", seconds)

    figures = telemetry.exposition().decode()

    assert 'orderloom_operation_seconds_count{name="Stock",type="query"} 2.0' in figures
    assert 'orderloom_operation_seconds_bucket{le="0.005",name="Stock",type="query"} 1.0' in figures


def test_names_that_callers_invent_do_not_fill_the_memory():
    telemetry = Telemetry()

    for number in range(OPERATION_NAMES_MAX + 50):
        telemetry.operation("query", f"Q{number}", "ok", 0.1)

    figures = telemetry.exposition().decode()
    assert 'orderloom_operations_total{name="other",outcome="ok",type="query"} 50.0' in figures
    assert f"Q{OPERATION_NAMES_MAX}" not in figures


# ── Logs ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def logged(settings, monkeypatch):
    """Logs as a process does, and answers the lines written."""
    root, stream = logging.getLogger(), io.StringIO()
    before = (root.handlers, root.level)
    monkeypatch.setattr("sys.stderr", stream)
    configure_logging(settings(log_format="json"))
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers, _ = before
    root.setLevel(before[1])
    structlog.reset_defaults()


def test_what_goes_wrong_outside_an_operation_is_masked_and_has_an_id(client, monkeypatch):
    def wrong(*_arguments):
        raise RuntimeError("inner workings")

    monkeypatch.setattr(GraphQLOverHttp, "_answer", wrong)

    answer = client().post("/graphql", json={"query": "{ __typename }"}, headers={"x-request-id": "r1"})

    assert answer.status_code == 500
    assert answer.json()["errors"][0]["extensions"] == {"code": "INTERNAL"}
    assert "inner workings" not in answer.text
    assert answer.headers["x-request-id"] == "r1"


def test_every_line_of_a_request_carries_its_id(client, logged):
    client().post("/graphql", json={"query": "{ broken }"}, headers={"x-request-id": "abc"})

    lines = {line["event"]: line for line in logged() if line.get("request_id") == "abc"}
    assert lines["request"]["status"] == 200
    assert lines["fault"]["level"] == "error"
    assert "RuntimeError" in lines["fault"]["exception"]


def test_nothing_that_a_caller_says_of_themselves_is_logged(client, bearer, logged):
    token = bearer("agent")["authorization"]
    gateway = client()

    asked = {"query": "query ($n: String!) { hello(name: $n) }", "variables": {"n": "ada@example.com"}}
    gateway.post("/graphql", json=asked, headers={"authorization": token})
    gateway.get("/graphql", params={"query": '{ hello(name: "ada@example.com") }', "token": token})
    structlog.get_logger().info("a mistake", token=token, email="ada@example.com")

    text = json.dumps(logged())
    assert "a mistake" in text
    assert "ada@example.com" not in text
    assert token.split()[1] not in text
    assert "testclient" not in text
