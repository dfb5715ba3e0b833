"""What may run is decided before anything does, and no fault shows its inside."""

import pytest
from structlog.testing import capture_logs


@pytest.fixture
def ask(client, bearer):
    """Asks a gateway with the settings given, as a role, and answers the whole body."""

    def asking(query, role=None, variables=None, **settings):
        headers = bearer(role) if role else {}
        return (
            client(**settings).post("/graphql", json={"query": query, "variables": variables}, headers=headers).json()
        )

    return asking


def test_a_root_field_that_needs_a_scope_is_refused_before_anything_runs(ask):
    answer = ask("{ hello again: secrets }")

    assert answer["errors"][0]["message"] == "secrets needs the scope events:read."
    assert answer["errors"][0]["extensions"] == {"code": "FORBIDDEN", "field": "secrets", "scope": "events:read"}
    assert "data" not in answer
    assert ask("{ seen }") == {"data": {"seen": []}}


def test_a_root_field_behind_a_fragment_is_refused_just_so(ask):
    answer = ask("{ ...A } fragment A on Query { ...B hello } fragment B on Query { ... { secrets } }")

    assert [error["extensions"]["field"] for error in answer["errors"]] == ["secrets"]


def test_a_root_field_is_answered_to_those_who_have_its_scope(ask):
    assert ask("{ secrets }", role="operations") == {"data": {"secrets": "the feed"}}


def test_the_end_of_the_log_is_read_as_the_operation_begins(ask):
    assert ask("{ eventCursor again: eventCursor }") == {"data": {"eventCursor": "e14", "again": "e14"}}


def test_a_fault_is_masked_and_logged_under_the_id_it_is_masked_with(ask):
    with capture_logs() as logged:
        answer = ask("{ broken hello }")

    error = answer["errors"][0]
    assert answer["data"] == {"broken": None, "hello": "hello world"}
    assert error["path"] == ["broken"]
    assert error["extensions"]["code"] == "INTERNAL"
    assert error["message"] == f"Something went wrong on our side. It is logged as {error['extensions']['id']}."
    assert "customers" not in str(answer)
    (fault,) = [line for line in logged if line["event"] == "fault"]
    assert fault["fault"] == error["extensions"]["id"]
    assert fault["path"] == "broken"
    assert isinstance(fault["exc_info"], RuntimeError)


def test_a_refusal_says_what_is_wrong_and_where(ask):
    error = ask("{ refused }")["errors"][0]

    assert error["message"] == "At most 3 may be asked; 5 were."
    assert error["extensions"] == {"code": "INVALID", "path": ["filter", "0", "first"]}


def test_what_a_resolver_forbids_names_the_scope(ask):
    error = ask("{ forbidden }")["errors"][0]

    assert error["extensions"] == {"code": "FORBIDDEN", "field": "forbidden", "scope": "orders:read"}


@pytest.mark.parametrize(
    ("query", "code", "asked", "limits"),
    [
        ("{ leaf { leaf { leaf { name } } } }", "DEPTH", 4, {"depth_max": 3}),
        ("{ a: hello b: hello c: hello }", "ALIASES", 3, {"aliases_max": 2}),
        ("{ a: hello hello leaf { name } hello }", "ROOT_FIELDS", 3, {"root_fields_max": 2}),
        ("{ leaf { leaves(first: 100) { name } } }", "COST", 102, {"cost_max": 101}),
    ],
)
def test_an_operation_that_is_too_big_is_refused_with_its_cost(ask, query, code, asked, limits):
    (error,) = ask(query, **limits)["errors"]

    assert error["extensions"]["code"] == f"TOO_BIG_{code}"
    assert error["extensions"]["asked"] == asked
    assert error["extensions"]["cost"] > 0
    assert "errors" not in ask(query)


def test_variables_and_their_defaults_count_as_what_they_stand_for(ask):
    query = "query ($n: Int = 90, $s: [String!]!) { leaf { leaves(first: $n) { name } } named(names: $s) { name } }"

    assert ask(query, variables={"s": ["a"] * 10}, cost_max=10)["errors"][0]["extensions"]["asked"] == 1 + 1 + 90 + 11
    assert ask(query, variables={"n": 5, "s": []}, cost_max=10)["errors"][0]["extensions"]["asked"] == 1 + 1 + 5 + 11


def test_who_does_not_say_who_asks_may_ask_less(ask):
    query = "{ leaf { leaves(first: 100) { name } } }"

    assert ask(query, anonymous_cost_max=101)["errors"][0]["extensions"]["code"] == "TOO_BIG_COST"
    assert "errors" not in ask(query, role="operations", anonymous_cost_max=101)


@pytest.mark.parametrize(
    "query",
    [
        "{ leaf" * 400 + " { name }" + " }" * 400,
        "{ hello(name: " + "[" * 900 + "]" * 900 + ") }",
        "{ " + "a " * 3_000 + "}",
    ],
)
def test_a_document_beyond_all_measure_is_refused_without_a_fault(ask, query):
    (error,) = ask(query)["errors"]

    assert error["extensions"]["code"] in {"BAD_REQUEST", "TOO_BIG_DEPTH", "TOO_BIG_TOKENS"}


def test_a_loop_of_fragments_is_refused(ask):
    answer = ask("{ leaf { ...A } } fragment A on Leaf { leaf { ...B } } fragment B on Leaf { ...A }")

    assert "errors" in answer


def test_deep_introspection_is_refused(ask):
    deep = "{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }"

    assert "errors" in ask(deep)


def test_introspection_is_answered_unless_it_is_off(ask):
    assert "errors" not in ask("{ __schema { queryType { name } } __typename }")
    assert "errors" in ask("{ __schema { queryType { name } } }", introspection=False)
    assert "Did you mean" not in str(ask("{ hell }", introspection=False))
    assert "errors" not in ask("{ __typename }", introspection=False)
