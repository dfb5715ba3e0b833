"""What a hostile document makes the server do before it is refused: counted, and bounded, never timed.

The documents are the worst we know of each kind, as long as they may be, and seeded mixtures of these, cut and
shuffled; all against the schema that is served. `SEED` changes what is drawn; what fails says its document.
"""

import os
import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import cache

import pytest
from graphql import (
    DocumentNode,
    GraphQLError,
    Lexer,
    OperationDefinitionNode,
    TypeInfo,
    Visitor,
    visit,
)
from graphql.validation.rules import overlapping_fields_can_be_merged as overlapping

from gateway import admission
from gateway.admission import COMPARISONS_MAX, FAULT_LENGTH_MAX, FAULTS_MAX, Sizing
from gateway.http import DOCUMENT_LENGTH_MAX
from gateway.settings import read_settings
from tests.shop import whole_schema

SEED = int(os.environ.get("SEED") or 20261121)
SETTINGS = read_settings(secret_key="s" * 48)
TOKENS_MAX = SETTINGS.tokens_max

# As many tokens and as many comments, the one that is too many, and the end.
TOKENS_READ_MAX = 2 * TOKENS_MAX + 2
# A name is one token and at most two nodes (a field and its name), a pair of braces two tokens and at most two (an
# operation and what it selects); and the document.
NODES_MAX = 2 * TOKENS_MAX + 1
# Looking for depth takes less than five calls for each node, those of Python's own functions counted.
CALLS_PER_NODE_MAX = 5
# Once through the document by all rules, and once through each definition for its variables.
NODES_ENTERED_MAX = 2 * NODES_MAX
# Comparing two fields spends two of what may be spent, and what is over is spent once.
FIELDS_COMPARED_MAX = COMPARISONS_MAX // 2 + 1
# Once to learn which variables matter, once to measure.
FIELDS_COSTED_MAX = 2 * TOKENS_MAX
# Faults told, and that there are more.
ERRORS_MAX = FAULTS_MAX + 1
# All of it, in calls of Python functions: some 10 a token to read it, 30 a node for the rules that it concerns, 10 a
# comparison. Twice what the worst needs of those below.
CALLS_MAX = 700_000


@dataclass(slots=True)
class Work:
    """What was done for a document."""

    tokens_read: int = 0
    nodes_entered: int = 0
    fields_compared: int = 0
    fields_costed: int = 0


@pytest.fixture
def work(monkeypatch) -> Work:
    """Counts from here on, until the test is over."""
    counted = Work()

    def counting(name: str, of: object, function: str) -> None:
        original = getattr(of, function)

        def count(*args):
            setattr(counted, name, getattr(counted, name) + 1)
            return original(*args)

        monkeypatch.setattr(of, function, count)

    counting("tokens_read", Lexer, "read_next_token")
    counting("nodes_entered", TypeInfo, "enter")
    counting("fields_compared", overlapping, "find_conflict")
    counting("fields_costed", admission._Walk, "_field")
    return counted


def decide(text: str) -> list[GraphQLError]:
    """What is done with a document nobody has seen before, for an anonymous caller."""
    try:
        document = admission.read(text, SETTINGS.bounds)
    except GraphQLError as error:
        return [error]
    schema = whole_schema().graphql
    errors = admission.ill_formed(document) or admission.faults(schema, document)
    operations = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    if errors or not operations:
        return errors
    return admission.too_big(SETTINGS.anonymous_bounds, Sizing(schema, document, operations[0]).measures({}))


# ── The worst of each kind ──


def repeated(shape: str, count: int) -> str:
    """The text with what is in <> so often, `<20*…>` at most that often. ~ is the number of it; outside, the count."""

    def numbered(part: str, number: int) -> str:
        return re.sub(r"~(?:\+(\d))?", lambda plus: str(number + int(plus[1] or 0)), part)

    def repeat(found: re.Match[str]) -> str:
        times, part = min(count, int(found[1] or count)), found[2]
        return "".join(numbered(part, number) for number in range(times)) if "~" in part else part * times

    return numbered(re.sub(r"(?s)<(?:(\d+)\*)?(.*?)>", repeat, shape), count)


def fragments(count: int, spreads: Callable[[int], Iterable[int]]) -> str:
    """Fragments, each with a field and the spreads it is given by its number."""
    return "{ ...F0 } " + " ".join(
        f"fragment F{n} on Query {{ viewer {{ subject }} {' '.join(f'...F{other}' for other in spreads(n))} }}"
        for n in range(count)
    )


def pairs(depth: int) -> str:
    """Two of the same below each of two of the same."""
    below = pairs(depth - 1) if depth else "{ id }"
    return "{ " + f"variants {{ product {below} }} " * 2 + "}"


# By how many of a thing there are. Fields of one name are compared in pairs, fragments multiply, errors quote what they
# are about, names that are unknown are looked for among those that are known.
SHAPES: dict[str, str | Callable[[int], str]] = {
    "one field": "{ <eventCursor > }",
    "one field with other arguments": '{ <p: product(code: "~") { id } > }',
    "one field with equal arguments": '{ <p: product(code: "a", code: "a") { id } > }',
    "one object": "{ <viewer { subject } > }",
    "one object with nothing in it": "{ <viewer { } > }",
    "one object below another": '{ product(code: "a") { <variants { sku } > } }',
    "one path": '{ <product(code: "a") { variants { product { variants { product { id } } } } } > }',
    "two of each below two of each": lambda n: '{ product(code: "a") ' + pairs(min(n, 7)) + " }" + " #\n" * n,
    "one name for different types": "{ node(id: 1) { <... on Product { a: code } ... on Order { a: number } > } }",
    "one name for different lists": (
        "{ node(id: 1) { <... on Product { a: variants { id } } ... on Order { a: lines { id } } > } }"
    ),
    "aliases": "{ <a~: eventCursor > }",
    "inline fragments": "{ <... { viewer { subject } } > }",
    "inline fragments within one another": "{ <... { >eventCursor< } > }",
    "fields within one another": '{ product(code: "a") <{ variants { product >{ id }< } } > }',
    "unknown fields within one another": "<{ a >{ a }< } >",
    "fragments side by side": "{ <...F~ > } <fragment F~ on Query { viewer { subject } } >",
    "small fragments side by side": "{ <...F~ > } <fragment F~ on Query { eventCursor } >",
    "a chain of fragments": (
        "{ ...F0 } <fragment F~ on Query { viewer { subject } ...F~+1 } > fragment F~ on Query { eventCursor }"
    ),
    "a chain that goes deeper": """{ node(id: 1) { ...F0 } }
        <fragment F~ on Product { id variants { product { ...F~+1 } } } > fragment F~ on Product { id }""",
    "fragments that double": """{ ...F0 } <fragment F~ on Query { ...F~+1 ...F~+2 } >
        fragment F~ on Query { eventCursor } fragment F~+1 on Query { eventCursor }""",
    "fragments that double below aliases": """{ node(id: 1) { ...F0 ...G0 } }
        <fragment F~ on Product { a~: variants { product { ...F~+1 ...G~+1 } } }
        fragment G~ on Product { a~: variants { product { ...F~+1 ...G~+1 } } } >
        fragment F~ on Product { id } fragment G~ on Product { id }""",
    "fragments that spread all after them": lambda n: fragments(n, lambda i: range(i + 1, n)),
    "fragments that spread all": lambda n: fragments(n, lambda _: range(n)),
    "a circle of fragments": lambda n: fragments(n, lambda i: [(i + 1) % n]),
    "a circle that goes deeper": """{ node(id: 1) { ...F0 } }
        <fragment F~ on Product { variants { product { ...F~+1 } } } > fragment F~ on Product { ...F0 }""",
    "one fragment everywhere": "{ <...F > } fragment F on Query { viewer { subject } }",
    "one fragment by one name": "{ ...F } <fragment F on Query { viewer { subject } } >",
    "fragments nobody spreads": "{ eventCursor } <fragment F~ on Query { eventCursor } >",
    "fragments there are not": "{ <...F~ > }",
    "fragments for other types": "{ viewer { <... on Product { id } > } }",
    "operations": "<query Q~ { eventCursor } >",
    "operations without a name": "<{ eventCursor } >",
    "operations of a fragment of variables": (
        "<20*query Q~($a: ID!) { ...F } > fragment F on Query { nodes(ids: [<$a >]) { id } }"
    ),
    "operations without their variables": "<20*query Q~ { ...F } > fragment F on Query { nodes(ids: [<$a~ >]) { id } }",
    "operations of many fragments": """<20*query Q~($a: ID!) { ...F0 } >
        <fragment F~ on Query { a~: node(id: $a) { id } ...F~+1 } > fragment F~ on Query { eventCursor }""",
    "subscriptions to a fragment": (
        "<20*subscription S~ { ...F } > fragment F on Subscription { <orderEvents { cursor } > }"
    ),
    "variables nobody uses": "query (<$a~: Int >) { eventCursor }",
    "variables there are not": "{ nodes(ids: [<$a~ >]) { id } }",
    "one variable": "query (<$a: Int = 1 >) { eventCursor }",
    "variables of types near to known ones": "query (<$a~: Produkt~ >) { eventCursor }",
    "variables in conditions": "query (<$a~: Boolean! >) { <eventCursor @skip(if: $a~) > }",
    "variables for lengths": "query (<$a~: Int >) { <a~: products(first: $a~) { nodes { id } } > }",
    "a type within lists": "query ($a: <[>Int<]>) { eventCursor }",
    "a default of much": "query ($a: JSON = {<a~: [~] >}) { node(id: $a) { id } }",
    "lists within lists": "{ nodes(ids: <[>1<]>) { id } }",
    "objects within objects": "{ orders(filter: <{ placed: >1< } >) { totalCount } }",
    "a long list": '{ nodes(ids: [<"~" >]) { id } }',
    "a long list of what is not wanted": "{ nodes(ids: [<{} >]) { id } }",
    "values near to known ones": "{ products(filter: { status: [<ACTIVE~ >] }) { totalCount } }",
    "inputs near to known ones": "{ products(filter: { <code~: 1 > }) { totalCount } }",
    "one input": "{ products(filter: { <codes: [] > }) { totalCount } }",
    "arguments near to known ones": "{ products(<afte~: 1 >) { totalCount } }",
    "arguments near to known ones, each elsewhere": "{ <a~: products(afte~: 1) { totalCount } > }",
    "one argument": "{ products(<first: 1 >) { totalCount } }",
    "fields near to known ones": "{ <availabilit~ > }",
    "directives": "{ eventCursor <@skip(if: true) > }",
    "directives there are not": "{ eventCursor <@skp~ > }",
    "introspection": '{ <a~: __type(name: "Query") { fields { type { ...F } } } > } fragment F on __Type { name }',
    "introspection within itself": "{ __schema { types <{ fields { type >{ name }< } } > } }",
    "what things are made of": "{ __schema { types { fields { type <{ ofType >{ name }< } > } } } }",
    "definitions of types": "<type T~ { a: Int } >",
    "comments": "{ eventCursor } <#\n>",
    "comments between": "{ <eventCursor #\n> }",
    # Few tokens, and long ones.
    "blanks": "< ,>{ eventCursor }",
    "lines": "<\n>{ eventCursor }",
    "a text": '{ product(code: "<a>") { id } }',
    "a text of escapes": '{ product(code: "<\\u0041>") { id } }',
    "a text without end": '{ product(code: "<a>',
    "a block of lines": '{ product(code: """<\n a>""") { id } }',
    "a block of nothing": '{ product(code: """<\n>""") { id } }',
    "a block of quotes": '{ product(code: """<\\""" >""") { id } }',
    "a number": "{ products(first: <9>) { totalCount } }",
    "a fraction": "{ products(first: 0.<9>e9) { totalCount } }",
    "a number by default": "query ($a: JSON = <9>) { node(id: $a) { id } }",
    "a name": "{ <a> }",
    "long names": "{ <a>0 <a>1 <a>2 <a>3 <a>4 <a>5 <a>6 <a>7 <a>8 <a>9 }",
    "long wrong inputs": '{ products(filter: { <20*codes~: "{filling}" > }) { totalCount } }'.replace(
        "{filling}", "a" * 4_000
    ),
}


def worst(kind: str, count: int) -> str:
    shape = SHAPES[kind]
    return repeated(shape, count) if isinstance(shape, str) else shape(count)


TOKEN = re.compile(r'"""(?s:(?:\\"""|.)*?)"""|"[^"\n]*"|#[^\n]*|\.\.\.|[\w.]+|[^\s,]')


@cache
def most(kind: str) -> int:
    """How many of a kind are still read."""

    def is_read(count: int) -> bool:
        text = worst(kind, count)
        return len(text) <= DOCUMENT_LENGTH_MAX and len(TOKEN.findall(text)) <= TOKENS_MAX

    few = 1
    while few < DOCUMENT_LENGTH_MAX and is_read(2 * few):
        few *= 2
    step = few
    while step := step // 2:
        few += step if is_read(few + step) else 0
    return few


def nodes_of(document: DocumentNode) -> int:
    class Counting(Visitor):
        count = 0

        def enter(self, *_) -> None:
            self.count += 1

    visit(document, counting := Counting())
    return counting.count


@contextmanager
def calls(*kinds: str) -> Iterator[list[int]]:
    """Counts the calls of functions meanwhile: of Python's ("call"), and of those that are not in Python ("c_call")."""
    counted = [0]

    def note(_frame, kind, _of) -> None:
        counted[0] += kind in kinds

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield counted
    finally:
        sys.setprofile(before)


def judge(text: str, work: Work) -> list[GraphQLError]:
    errors = decide(text)

    assert work.tokens_read <= TOKENS_READ_MAX
    assert work.nodes_entered <= NODES_ENTERED_MAX
    assert work.fields_compared <= FIELDS_COMPARED_MAX
    assert work.fields_costed <= FIELDS_COSTED_MAX
    assert len(errors) <= ERRORS_MAX
    assert all(len(error.message) <= FAULT_LENGTH_MAX + 1 for error in errors)
    return errors


# Less of it may get further: what is too deep or too long is refused before it is validated, and measured.
@pytest.mark.parametrize("part", [1, 4])
@pytest.mark.parametrize("kind", SHAPES)
def test_the_worst_of_each_kind_is_bounded(kind, part, work):
    text = worst(kind, max(most(kind) // part, 1))

    with calls("call") as counted:
        judge(text, work)

    assert counted[0] <= CALLS_MAX


@pytest.mark.parametrize("kind", SHAPES)
def test_a_look_before_validation_is_a_look_at_each_node(kind):
    try:
        document = admission.read(worst(kind, most(kind)), SETTINGS.bounds)
    except GraphQLError:
        return
    nodes = nodes_of(document)

    with calls("call", "c_call") as counted:
        admission.ill_formed(document)

    assert nodes <= NODES_MAX
    assert counted[0] <= CALLS_PER_NODE_MAX * nodes


# ── Drawn ──


def drawn(draw: random.Random) -> str:
    """Some kinds in one document, and mostly with tokens left out, repeated, or put elsewhere."""
    kinds = draw.sample(list(SHAPES), draw.choice([1, 1, 2, 3]))
    tokens = TOKEN.findall(" ".join(worst(kind, draw.randint(1, max(most(kind) // 2, 1))) for kind in kinds))
    for _ in range(draw.choice([0, 0, 0, 1, 1, 3, 30])):
        first, last = sorted(draw.choices(range(len(tokens) + 1), k=2))
        part = tokens[first : min(last, first + draw.choice([1, 5, 200]))]
        if draw.random() < 0.5:
            del tokens[first : first + len(part)]
        at = draw.randint(0, len(tokens))
        tokens[at:at] = part * draw.choice([0, 1, 1, 5])
    # A comment goes on to the end of its line.
    return " ".join(f"{token}\n" if token.startswith("#") else token for token in tokens)[:DOCUMENT_LENGTH_MAX]


@pytest.mark.parametrize("documents", [100, pytest.param(5_000, marks=pytest.mark.soak)])
def test_what_is_drawn_is_bounded(documents, work):
    draw = random.Random(SEED)
    outcomes = Counter()
    for number in range(documents):
        text = drawn(draw)
        for each_field in fields(Work):
            setattr(work, each_field.name, 0)
        try:
            with calls("call") as counted:
                errors = judge(text, work)
            assert counted[0] <= CALLS_MAX
        except Exception as failure:
            raise AssertionError(f"{SEED=}, document {number}: {text[:5_000]}") from failure
        outcomes[errors[0].extensions.get("code", type(errors[0]).__name__) if errors else "answered"] += 1

    print(outcomes)  # noqa: T201  (pytest -s shows it)
    # They get to each of the steps: reading, validating, measuring.
    assert outcomes.keys() >= {"GraphQLSyntaxError", "GraphQLError", "answered"}
