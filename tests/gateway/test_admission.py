"""How big an operation is, found out without running it and, the second time, without looking at it."""

import json
import os
import random
import re
from itertools import count

import pytest
from graphql import (
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    Visitor,
    build_schema,
    get_introspection_query,
    parse,
    print_ast,
    visit,
)

from gateway import admission
from gateway.admission import Measures, Sizing, faults, ill_formed, read, too_big
from gateway.settings import Bounds, read_settings
from tests.shop import whole_schema

SEED = int(os.environ.get("SEED") or 20261121)
SCHEMA = build_schema(
    """
    type Query { leaf: Leaf leaves(first: Int): [Leaf] named(names: [String!], near: Int): [Leaf] page(
      first: Int, after: String, last: Int): LeafConnection feed(first: Int = 100): LeafConnection thing: Thing }
    type Leaf { name(in: String): String leaf: Leaf leaves(first: Int): [Leaf] few(first: Int = 3): [Leaf]
      page(first: Int): LeafConnection }
    type LeafConnection { nodes: [Leaf] edges: [LeafEdge] total: Int again: LeafConnection }
    type LeafEdge { node: Leaf }
    union Thing = Leaf | LeafEdge
    """
)
BOUNDS = Bounds(depth=10, tokens=2_000, aliases=10, root_fields=10, cost=1_000)


def sizing(text: str) -> Sizing:
    document = parse(text)
    assert not faults(SCHEMA, document), text
    return Sizing(SCHEMA, document, next(each for each in document.definitions if hasattr(each, "operation")))


def code(error: GraphQLError) -> str:
    return error.extensions["code"]


# ── Reading and validating ──


@pytest.mark.parametrize("text", ["{ " + "name " * 50 + "}", "{ name }" + "# \n" * 50, "{ a(b: [" + "1 " * 50 + "]) }"])
def test_a_document_of_too_many_tokens_is_refused(text):
    with pytest.raises(GraphQLError, match="more than 40 words and signs") as refusal:
        read(text, Bounds(10, 40, 10, 10, 10))

    assert refusal.value.extensions == {"code": "TOO_BIG_TOKENS", "maximum": 40}
    assert read(text, Bounds(10, 60, 10, 10, 10))


def test_what_is_no_graphql_is_said_in_graphql_cores_words_and_in_few():
    with pytest.raises(GraphQLError, match=r"^Syntax Error: Expected Name, found '}'"):
        read("{ a { b: } }", BOUNDS)
    with pytest.raises(GraphQLError, match=r"^Syntax Error: Unexpected Name 'xxx") as refusal:
        read("x" * 90_000, BOUNDS)
    assert len(refusal.value.message) <= admission.FAULT_LENGTH_MAX + 1


@pytest.mark.parametrize(
    ("text", "name", "asked"),
    [
        ("{ leaf" * 101 + " { name" + " }" * 102, "DEPTH", 102),
        ("{ ..." * 120 + " { __typename" + " }" * 121, "DEPTH", 121),
        (
            "{ leaf { ...F0 } }"
            + "".join(f"fragment F{n} on Leaf {{ ...F{n + 1} leaf {{ ...F{n + 1} }} }}" for n in range(120))
            + "fragment F120 on Leaf { name }",
            "DEPTH",
            2 + 2 * 120 + 1,
        ),
        ("".join(f"query Q{n} {{ leaf {{ name }} }}" for n in range(21)), "OPERATIONS", 21),
    ],
)
def test_a_document_that_is_dear_to_walk_through_is_refused_before_it_is(text, name, asked):
    (error,) = ill_formed(parse(text))

    assert code(error) == f"TOO_BIG_{name}"
    assert error.extensions["asked"] == asked


@pytest.mark.parametrize(
    "text",
    [
        "{ leaf { ...A } } fragment A on Leaf { leaf { ...B } } fragment B on Leaf { ...A ...A }",
        "{ ...A } fragment A on Query { ...A }",
        "{ ...Nowhere } fragment A on Query { ...B } fragment A on Query { ...Nowhere }",
    ],
)
def test_circles_and_gaps_are_left_to_validation(text):
    assert not ill_formed(parse(text))
    assert faults(SCHEMA, parse(text))


def test_fields_that_meet_too_often_are_not_all_compared():
    often, seldom = (parse("{ leaf { " + "leaf { name } " * count + "} }") for count in (200, 20))

    assert [code(error) for error in faults(SCHEMA, often)] == ["TOO_BIG_COMPARISONS"]
    assert not faults(SCHEMA, seldom)


def test_few_faults_are_told_and_in_few_words():
    found = faults(SCHEMA, parse("{ named(names: [" + f'{{a: "{"x" * 3_000}"}} ' * 30 + "]) { name } }"))

    assert len(found) == admission.FAULTS_MAX + 1  # And that there are more.
    assert max(len(error.message) for error in found) <= admission.FAULT_LENGTH_MAX + 1


def test_the_schema_is_shown_only_where_it_may_be():
    (misspelt,) = faults(SCHEMA, parse("{ leav { name } }"))
    (hidden,) = faults(SCHEMA, parse("{ leav { name } }"), shows_schema=False)

    assert "Did you mean" in misspelt.message
    assert "Did you mean" not in hidden.message
    assert faults(SCHEMA, parse("{ __schema { types { name } } }"), shows_schema=False)
    assert not faults(SCHEMA, parse("{ __typename }"), shows_schema=False)


# ── Measuring ──


@pytest.mark.parametrize(
    ("text", "cost"),
    [
        ("{ leaf { name } }", 2),
        ("{ leaves(first: 100) { name } }", 101),
        ("{ leaf { leaves { leaves { name } } } }", 1 + 1 + 10 * (1 + 10)),
        ("{ leaf { few { few { name } } } }", 1 + 1 + 3 * (1 + 3)),
        ('{ named(names: ["a", "b", "c"], near: 50) { name } }', 4),
        ("{ page(first: 200) { nodes { name } total } }", 1 + 1 + 200 + 1),
        ("{ page(last: 30) { ...A } } fragment A on LeafConnection { ... { nodes { name } } }", 1 + 1 + 30),
        ("{ page { edges { node { name } } } }", 1 + 1 + 50 * 2),
        ("{ feed { nodes { name } } }", 1 + 1 + 100),
        ("{ feed(first: 7) { nodes { name } } }", 1 + 1 + 7),
        ("{ page(first: 7) { nodes { page(first: 5) { nodes { name } } } } }", 1 + 1 + 7 * (1 + 1 + 5)),
        ("{ page(first: 7) { again { nodes { name } } } }", 1 + 1 + 1 + 50),
        ("{ thing { ... on Leaf { leaves(first: 4) { name } } ... on LeafEdge { node { name } } } }", 1 + 5 + 2),
        ("{ page(first: 2147483647) { nodes { leaves(first: 2147483647) { name } } } }", 1 + 1 + (2**31 - 1) * 2**31),
        ("{ leaves(first: -5) { name } }", 11),
    ],
)
def test_the_cost_is_the_fields_answered_with_lists_multiplied_out(text, cost):
    assert sizing(text).measures({}).cost == min(cost, admission.MEASURE_MAX)


@pytest.mark.parametrize(
    ("text", "measures"),
    [
        ("{ a: leaf { b: name } leaf { name } leaf { leaf { name } } }", Measures(3, 2, 2, 7)),
        (
            """{ ...A ... { leaf { name } } } fragment A on Query { leaf { name } x: leaf { ...B } }
               fragment B on Leaf { name }""",
            Measures(2, 1, 2, 6),
        ),
        ("{ __typename }", Measures(1, 0, 1, 1)),
        ("{ t: __type(name: \"Leaf\") { ofType { name kind ofType { name kind } } } }", Measures(0, 1, 1, 4)),
        ("{ __schema { types { fields { name } } } }", Measures(0, 0, 1, 2 + len(SCHEMA.type_map) * (1 + 4))),
    ],
)  # fmt: skip
def test_depth_aliases_and_root_fields_are_measured_beside_it(text, measures):
    assert sizing(text).measures({}) == measures


def test_the_root_fields_are_named_once_for_each_answer():
    text = (
        "{ leaf { name } again: leaf { name } ...A ...A page { total } } fragment A on Query { leaf { leaf { name } } }"
    )

    assert sorted(sizing(text).root_fields) == ["leaf", "leaf", "page"]


def test_variables_count_by_their_lengths_and_numbers():
    of = sizing("""query ($n: Int = 90, $names: [String!] = ["a", "b"], $near: Int) {
        leaves(first: $n) { name } named(names: $names, near: $near) { name } }""").measures

    assert of({}).cost == 2 + 90 + 2
    assert of({"n": 5, "names": ["a"] * 30, "near": 7_000}).cost == 2 + 5 + 30
    assert of({"n": 5.0, "names": ["a"]}).cost == 2 + 5 + 1
    assert of({"n": None, "names": None}).cost == 2 + 10 + 10
    assert of({"n": "many", "names": {"a": 1}}).cost == 2 + 10 + 10
    assert of({"n": 10**400, "names": []}).cost == 2 + (2**31 - 1) + 10


def test_measures_beyond_what_json_can_say_are_told_as_so_much():
    doubling = "".join(
        f"fragment F{n} on Leaf {{ leaves(first: 2147483647) {{ a: name ...F{n + 1} ...F{n + 1} }} }}"
        for n in range(90)
    )
    document = parse(f"{{ leaf {{ ...F0 }} }} {doubling} fragment F90 on Leaf {{ name }}")

    measures = Sizing(SCHEMA, document, document.definitions[0]).measures({})
    errors = too_big(BOUNDS, measures)

    assert measures.cost == measures.aliases == admission.MEASURE_MAX
    assert [code(error) for error in errors] == ["TOO_BIG_DEPTH", "TOO_BIG_ALIASES", "TOO_BIG_COST"]
    assert json.loads(json.dumps(errors[2].extensions)) == {
        "code": "TOO_BIG_COST", "asked": 2**53 - 1, "maximum": 1_000, "cost": 2**53 - 1,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["DEPTH", "ALIASES", "ROOT_FIELDS", "COST"])
def test_each_measure_has_its_limit(name):
    measures, bounds = Measures(5, 6, 7, 8), Bounds(depth=5, tokens=1, aliases=6, root_fields=7, cost=8)
    tighter = Bounds(**{
        field: getattr(bounds, field) - (field == name.lower()) for field in Bounds.__dataclass_fields__
    })  # fmt: skip

    (error,) = too_big(tighter, measures)

    asked = getattr(measures, name.lower())
    assert error.extensions == {"code": f"TOO_BIG_{name}", "asked": asked, "maximum": asked - 1, "cost": 8}
    assert not too_big(bounds, measures)


# ── The second time ──


PARTS = {
    "Leaf": (
        "name", "leaf { Leaf }", "leaves { Leaf }", "leaves(first: #) { Leaf }", "page { LeafConnection }",
        "page(first: #) { LeafConnection }", "... { Leaf }",
    ),
    "LeafConnection": (
        "total", "nodes { Leaf }", "edges { node { Leaf } }", "again { LeafConnection }",
        "... on LeafConnection { LeafConnection }",
    ),
}  # fmt: skip
LENGTHS = ("$n", "$m", "3", "0", "12")


class Drawing:
    """A valid document of fragments that spread those after them, with lengths from variables, numbers and lists."""

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self._names = count()
        self._fragments = [draw.choice(list(PARTS)) for _ in range(draw.randint(0, 4))]
        spreads = " ".join(
            # Each is used somewhere, so that all is valid.
            f"l{n}: leaf {{ ...F{n} }}" if type_ == "Leaf" else f"l{n}: page(first: $n) {{ ...F{n} }}"
            for n, type_ in enumerate(self._fragments)
        )
        lists = "x: leaves(first: $n) { name } y: leaves(first: $m) { name } z: named(names: $s) { name }"
        self.text = 'query ($n: Int, $m: Int = 4, $s: [String!] = ["a"]) {'
        self.text += f" {spreads} {lists} leaf {{ {self._selections('Leaf', 3, 0)} }} }}"
        for n, type_ in enumerate(self._fragments):
            self.text += f" fragment F{n} on {type_} {{ {self._selections(type_, 2, n + 1)} }}"

    def _selections(self, type_: str, depth: int, after: int) -> str:
        return " ".join(self._part(type_, depth, after) for _ in range(self._draw.randint(1, 2)))

    def _part(self, type_: str, depth: int, after: int) -> str:
        spread = [n for n in range(after, len(self._fragments)) if self._fragments[n] == type_]
        if spread and self._draw.random() < 0.4:
            return f"...F{self._draw.choice(spread)}"
        part = self._draw.choice(PARTS[type_] if depth else PARTS[type_][:1])
        part = part.replace("#", self._draw.choice(LENGTHS))
        part = re.sub(r"{ (Leaf\w*) }", lambda found: f"{{ {self._selections(found[1], depth - 1, after)} }}", part)
        return part if part.startswith("...") else f"a{next(self._names)}: {part}"


def written_out(text: str) -> str:
    """The document with every spread in full."""
    document = parse(text)
    fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}

    class WriteOut(Visitor):
        def leave_fragment_spread(self, node: FragmentSpreadNode, *_):
            fragment = fragments[node.name.value]
            inside = visit(fragment.selection_set, WriteOut())
            return InlineFragmentNode(type_condition=fragment.type_condition, selection_set=inside, directives=())

    return print_ast(visit(document.definitions[0], WriteOut()))


def drawn_variables(draw: random.Random) -> dict:
    values = {"n": [0, 1, 7, 50, 2.0, None], "m": [3, 11], "s": [[], ["a"], ["a"] * 9, None]}
    return {name: draw.choice(among) for name, among in values.items() if draw.random() < 0.7}


def test_what_is_remembered_is_what_measuring_anew_with_every_fragment_written_out_gives():
    draw = random.Random(SEED)
    for number in range(100):
        text = Drawing(draw).text
        remembering, plain = sizing(text), parse(written_out(text))
        for _ in range(6):
            variables = drawn_variables(draw)
            anew = Sizing(SCHEMA, plain, plain.definitions[0]).measures(variables)
            assert remembering.measures(variables) == anew, f"{SEED=}, document {number}: {text} {variables}"


def test_variables_of_lengths_seen_before_are_not_measured_again(monkeypatch):
    remembering = sizing("""query ($n: Int, $s: [String!], $in: String) {
        page(first: $n) { nodes { name(in: $in) } } named(names: $s) { name } }""")
    once = remembering.measures({"n": 3, "s": ["a", "b"], "in": "it"})
    monkeypatch.setattr(admission, "_Walk", None)

    assert remembering.measures({"n": 3, "s": ["c", "d"], "in": "fr"}) is once
    with pytest.raises(TypeError):
        remembering.measures({"n": 4, "s": ["a", "b"]})


def test_so_much_is_remembered_and_no_more():
    remembering = sizing("query ($n: Int, $m: Int) { leaves(first: $n) { leaves(first: $m) { name } } }")

    for n in range(3 * admission.LENGTHS_KEPT_MAX):
        remembering.measures({"n": n, "m": 1})

    kept = remembering._known
    assert sum(map(len, kept)) <= admission.LENGTHS_KEPT_MAX


# ── Who asks ──


def test_anonymous_callers_have_tighter_bounds():
    everyone, anonymous = read_settings(secret_key="s" * 48).bounds, read_settings(secret_key="s" * 48).anonymous_bounds

    assert anonymous.tokens == everyone.tokens
    assert all(
        getattr(anonymous, name) < getattr(everyone, name) for name in ("depth", "aliases", "root_fields", "cost")
    )


def test_anonymous_bounds_are_never_looser_than_everyones():
    settings = read_settings(
        secret_key="s" * 48, depth_max=3, tokens_max=20, aliases_max=0, root_fields_max=1, cost_max=9
    )

    assert settings.anonymous_bounds == settings.bounds == Bounds(3, 20, 0, 1, 9)


STOREFRONT = """query Page($first: Int = 50, $skus: [String!]!) {
  products(first: $first) {
    pageInfo { endCursor hasNextPage }
    nodes {
      id code name description imageUrl brand tags categories { id name parent { id name } }
      variants { id sku name options { name value } price(channel: "web") { amount currency } }
    }
  }
  availability(skus: $skus) {
    sku status quantity asOf
    locations { location { code name address { line1 city postalCode country } } status quantity distanceKm }
  }
}"""


@pytest.mark.parametrize("text", [STOREFRONT, get_introspection_query(input_value_deprecation=True)])
def test_what_a_shop_and_graphiql_ask_is_within_anonymous_bounds(text):
    settings, schema = read_settings(secret_key="s" * 48), whole_schema().graphql
    document = read(text, settings.bounds)

    assert not ill_formed(document)
    assert not faults(schema, document)
    measures = Sizing(schema, document, document.definitions[0]).measures({"skus": ["A"] * 20})
    assert not too_big(settings.anonymous_bounds, measures), measures
