"""What plans do that graphql-core does not: ask once, leave out what is closed, give back what they cannot do."""

import asyncio
from asyncio import all_tasks, current_task
from dataclasses import replace

import pytest
from graphql import parse

from gateway.execution import cache
from tests.gateway.execution.books import Author, Binding, Book, Press, Shelf, by_hand, executed
from tests.gateway.execution.comparing import differ

ANN, BEN = Author("a1", "Ann"), Author("a2", "Ben")
AUTHORS = {"a1": ANN, "a2": BEN}
BOOKS = [Book("b1", "One", "a1", "a2"), Book("b2", "Two", "a2"), Book("b3", "Three", "a1", "a1")]


@pytest.fixture
def press():
    return Press()


# ── What graphql-core does, done by plans ──

ANSWERS = {
    "plain fields, enums and lists of lists": (
        "{ books { id title binding grid chapters } }",
        [Book("b1", "One", chapters=["i"])],
        {"books": [{"id": "b1", "title": "One", "binding": "PAPER", "grid": [[1, 2], [3]], "chapters": ["i"]}]},
    ),
    "keys in the order of their first mention, fields of the same key merged": (
        "{ books { t: title ...B author { id } title } } fragment B on Book { id author { name } t: title }".replace(
            "Book", "BookType"
        ),
        BOOKS[:1],
        {"books": [{"t": "One", "id": "b1", "author": {"name": "Ann", "id": "a1"}, "title": "One"}]},
    ),
    "an interface's objects by their own types": (
        "{ nodes { __typename ... on AuthorType { name } ... on BookType { title author { id } } } }",
        BOOKS[:1],
        {
            "nodes": [
                {"__typename": "BookType", "title": "One", "author": {"id": "a1"}},
                {"__typename": "AuthorType", "name": "Ann"},
                {"__typename": "AuthorType", "name": "Ben"},
            ]
        },
    ),
    "a union's objects by their own types": (
        "{ found { ... on Node { id } ... on AuthorType { name } } }",
        BOOKS[:1],
        {"found": [{"id": "b1"}, {"id": "a1", "name": "Ann"}, {"id": "a2", "name": "Ben"}]},
    ),
    "a resolver's object with a relation of its own": (
        "{ books { sequel { title author { name } sequel { id } } } }",
        [Book("b1", "One", "a1"), Book("b1+", "More", "a2")],
        {"books": [{"sequel": {"title": "More", "author": {"name": "Ben"}, "sequel": None}}, {"sequel": None}]},
    ),
    "a null in a list whose items may be null": ("{ some { id } }", [None, BOOKS[0]], {"some": [None, {"id": "b1"}]}),
    "no list where none is": ("{ some { id author { id } } }", [], {"some": []}),
}


@pytest.mark.parametrize("claim", ANSWERS)
async def test_a_plan_answers(press, claim):
    text, books, expected = ANSWERS[claim]

    result = await press.prints(text, Shelf(books, AUTHORS))

    assert (result.data, result.errors) == (expected, None)
    assert repr(result.data) == repr((await by_hand(text, Shelf(books, AUTHORS))).data)
    assert not press.handed_back


@pytest.mark.parametrize(
    ("skip", "include", "expected"),
    [(False, True, {"id": "b1"}), (True, True, {}), (False, False, {}), (True, False, {})],
)
async def test_skip_goes_before_include(press, skip, include, expected):
    text = "query ($s: Boolean!, $i: Boolean!) { books { id @skip(if: $s) @include(if: $i) } }"

    result = await press.prints(text, Shelf(BOOKS[:1]), s=skip, i=include)

    assert result.data == {"books": [expected]}


async def test_arguments_are_constants_variables_or_defaults(press):
    text = "query ($s: Int) { books { a: opinion b: opinion(stars: 1) c: opinion(stars: $s) } }"

    given = await press.prints(text, Shelf(BOOKS[:1]), s=5)
    left_out = await press.prints(text, Shelf(BOOKS[:1]))

    assert given.data == {"books": [{"a": "3 stars", "b": "1 stars", "c": "5 stars"}]}
    assert left_out.data == {"books": [{"a": "3 stars", "b": "1 stars", "c": "3 stars"}]}


FAULTS = {
    "an error awaited in what was given back": (
        "{ some { id reprint { chapters review } } }",
        [Book("b1", "One"), Book("b1+", "unreviewable", chapters=7)],
    ),
    "a null where none may be makes the nearest parent null that may be": (
        "{ some { id author { name } } }",
        [BOOKS[0], Book("b9", "Nine", "nobody")],
    ),
    "a null in a relation's own field": (
        "{ some { editor { name } } }",
        [BOOKS[0], Book("b9", "N", "a1", "anonymous")],
    ),
    "an exception in place of a value": ("{ books { id title } }", [Book("b9", ValueError("torn"))]),
    "a scalar of another kind": ("{ some { id title grid } }", [Book("b9", "Nine", grid=[[1], ["x"]])]),
    "a list that is none": ("{ some { chapters grid } }", [Book("b9", "Nine", chapters=7), BOOKS[0]]),
    "a member of no enum": ("{ some { binding id } }", [BOOKS[0], Book("b9", "Nine", binding="velvet")]),
    "an object of another type": ("{ some { id author { id } } }", [BOOKS[0], ANN]),
    "a resolver that raises": ("{ some { id opinion } }", [BOOKS[0], Book("b9", "unreviewable")]),
    "a resolver that raises where there must be something": ("{ books { review } }", [Book("b9", "unreviewable")]),
    "a relation to something else": ("{ some { id editor { id } } }", [Book("b1", "One", editor_id="book"), BOOKS[0]]),
    "a key that maps to an exception": (
        "{ some { id editor { id } } }",
        [Book("b1", "One", editor_id="secret"), *BOOKS],
    ),
    "a key that cannot be looked up": ("{ some { id editor { id } } }", [Book("b1", "One", editor_id=["a1"]), *BOOKS]),
    "a batch that fails": ("{ some { id editor { id } } }", [Book("b1", "One", editor_id="nobody can"), *BOOKS]),
    "faults at several depths": (
        "{ some { id author { name } sequel { author { name } review } } }",
        [
            Book("b1", "One", "nobody"),
            Book("b1+", "unread", "anonymous"),
            Book("b2", "Two", "a1"),
            Book("b2+", "S", "a1"),
        ],
    ),
}


@pytest.mark.parametrize("claim", FAULTS)
async def test_a_fault_is_told_as_graphql_core_tells_it(press, claim):
    text, books = FAULTS[claim]
    authors = {**AUTHORS, "anonymous": Author("a3", None), "book": BOOKS[0], "secret": PermissionError("sealed")}

    result = await press.prints(text, Shelf(books, authors))

    differ(await by_hand(text, Shelf(books, authors)), result)
    assert result.errors


# ── Asking once ──


async def test_all_parents_of_a_level_ask_a_batch_once(press):
    shelf = Shelf(BOOKS, AUTHORS)

    await press.prints("{ books { author { name } editor { name } } }", shelf)

    assert shelf.asked == [["a1", "a2"]]


async def test_where_no_parent_has_a_key_nothing_is_asked(press):
    shelf = Shelf([Book("b1", "One")], AUTHORS)

    result = await press.prints("{ books { editor { name } } }", shelf)

    assert result.data == {"books": [{"editor": None}]}
    assert shelf.asked == []


async def test_the_objects_below_a_resolver_ask_together(press):
    books = [Book("b1", "One"), Book("b1+", "More", "a1"), Book("b2", "Two"), Book("b2+", "Many", "a2")]
    shelf = Shelf(books, AUTHORS)

    await press.prints("{ books { sequel { author { name } } } }", shelf)

    assert shelf.asked == [["a1", "a2"]]


async def test_a_batch_may_be_answered_at_once(press):
    press.executor.host = replace(press.executor.host, ask=lambda shelf, _batch, _keys: shelf.authors)

    result = await press.prints("{ some { author { name } } }", Shelf(BOOKS[:2], AUTHORS))

    assert result.data == {"some": [{"author": {"name": "Ann"}}, {"author": {"name": "Ben"}}]}


async def test_one_key_of_many_that_fails_fails_alone(press):
    authors = {**AUTHORS, "secret": PermissionError("sealed")}
    books = [*BOOKS, Book("b9", "Nine", editor_id="secret")]

    result = await press.prints("{ books { editor { name } } }", Shelf(books, authors))

    assert [each["editor"] and each["editor"]["name"] for each in result.data["books"]] == ["Ben", None, "Ann", None]
    assert [(each.message, each.path) for each in result.errors] == [("sealed", ["books", 3, "editor"])]
    assert press.handed_back == {("BookType.editor", "fault"): 1}


# ── Giving back ──


async def test_a_mutation_is_not_run_again_where_its_value_is_given_back(press):
    shelf = Shelf([Book("b9", None)])

    result = await press.prints("mutation { printBook { title } }", shelf)

    assert shelf.counted["printed"] == 1
    assert result.data == {"printBook": None}
    assert press.handed_back["Mutation.printBook", "null"] == 1


async def test_an_async_resolver_is_not_run_again_where_its_value_is_given_back(press):
    shelf = Shelf([Book("b9", "unread"), *BOOKS])

    result = await press.prints("{ some { review } }", shelf)

    assert shelf.counted["reviewed"] == len(shelf.books)
    assert result.data["some"][0] is None
    assert press.handed_back == {("BookType.review", "null"): 1}


async def test_what_is_given_back_does_not_take_its_neighbours_along(press):
    books = [Book("b9", "Nine", editor_id="anonymous"), *BOOKS]
    shelf = Shelf(books, {**AUTHORS, "anonymous": Author("a3", None)})

    await press.prints("{ books { author { id } editor { name } } }", Shelf(books, AUTHORS))
    result = await press.prints("{ some { editor { name } } }", shelf)

    assert result.data["some"][1:] == [{"editor": {"name": "Ben"}}, {"editor": None}, {"editor": {"name": "Ann"}}]
    assert shelf.asked == [["anonymous", "a2", "a1"]]


async def test_a_list_that_is_given_back_still_asks_once(press):
    shelf = Shelf([Book("b9", None), *BOOKS], AUTHORS)

    result = await press.prints("{ some { title author { name } } }", shelf)

    assert [each and each["title"] for each in result.data["some"]] == [None, "One", "Two", "Three"]
    assert shelf.asked == [["a1", "a2"]]


async def test_a_resolver_is_told_its_path(press):
    shelf = Shelf([BOOKS[0], Book("b1+", "More")])

    await press.prints("{ some { sequel { x: opinion } opinion } }", shelf)

    assert sorted(shelf.paths, key=str) == sorted(
        [["some", 0, "opinion"], ["some", 1, "opinion"], ["some", 0, "sequel", "x"]], key=str
    )


async def test_a_caller_who_goes_leaves_nothing_running(press):
    text = "{ books { author { name } opinion } }"
    await press.prints(text, Shelf())
    shelf = Shelf(BOOKS, AUTHORS, is_shut=asyncio.Event())
    before = all_tasks()
    request = asyncio.ensure_future(press.prints(text, shelf))
    await shelf.is_asked.wait()

    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request

    assert shelf.counted["waiting"] == 0
    assert all_tasks() - before <= {current_task()}


# ── Rights, events, bounds ──


async def test_a_closed_field_is_null_for_those_who_lack_the_right_and_for_nobody_else(press):
    text = "{ books { id cost } }"

    seen = [(await press.prints(text, Shelf(BOOKS[:1], may_see_costs=each))).data for each in (True, False, True)]

    assert [each["books"][0]["cost"] for each in seen] == [5, None, 5]


async def test_a_closed_field_that_may_not_be_null_is_left_to_its_resolver(press):
    text = "{ some { price } }"

    seen = [await press.prints(text, Shelf(BOOKS[:1], may_see_costs=each)) for each in (True, False)]

    assert [each.data for each in seen] == [{"some": [{"price": 5}]}, {"some": [None]}]
    assert seen[1].errors[0].path == ["some", 0, "price"]


async def test_each_event_of_a_subscription_is_executed_by_the_plan(press):
    books = [*BOOKS, Book("b9", None, "a1")]

    results = await press.prints_each("subscription { printed { title author { name } } }", Shelf(books, AUTHORS))

    assert [each.data["printed"] for each in results] == [
        {"title": "One", "author": {"name": "Ann"}},
        {"title": "Two", "author": {"name": "Ben"}},
        {"title": "Three", "author": {"name": "Ann"}},
        None,
    ]
    assert results[-1].errors[0].path == ["printed", "title"]
    assert press.handed_back == {("Subscription.printed", "null"): 1}


async def test_a_document_seen_once_has_no_plan(press):
    await executed(parse("{ books { id } }"), Shelf([Book("b9", None)]), press.executor, {})

    assert [each._variants for each in press.executor.cache._operations.values()] == [{}]


async def test_plans_are_kept_for_so_many_operations_and_variants_and_no_more(press, monkeypatch):
    monkeypatch.setattr(cache, "OPERATIONS_MAX", 3)
    monkeypatch.setattr(cache, "VARIANTS_MAX", 2)
    names = "abc"
    variables = ", ".join(f"${name}: Boolean = false" for name in names)
    fields = " ".join(f"{name}: id @skip(if: ${name})" for name in names)

    for number in range(5):
        for name in names:
            await press.prints(f"query Q{number}({variables}) {{ books {{ {fields} }} }}", Shelf(BOOKS), **{name: True})

    kept = press.executor.cache._operations.values()
    assert len(kept) == 3
    assert all(len(each._variants) == 2 for each in kept)


async def test_directives_that_no_plan_knows_are_left_to_graphql_core(press):
    text = "query @unknown { books { id } }"

    result = await press.prints(text, Shelf([Book("b1", "One", binding=Binding.LEATHER)]))

    assert result.data == {"books": [{"id": "b1"}]}
    assert [each._conditions for each in press.executor.cache._operations.values()] == [None]
