"""Pages of a list, walked from either end on both databases."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select

from domain.errors import Refused
from domain.paging import PAGE_SIZE, Page, Slice, page
from persistence.database import Database
from persistence.paging import CURSOR_LENGTH_MAX, cursor_of, key_of, slice_of
from persistence.tables.catalog import ProductRow

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
CODES = [f"P-{number}" for number in range(7)]


@pytest.fixture
async def database(migrated_database_url):
    """Seven products, made two at a time."""
    database = Database(migrated_database_url)
    rows = [
        {
            "code": code,
            "names": {"en": code},
            "descriptions": {},
            "brand": None,
            "tags": [],
            "attributes": {},
            "image_url": None,
            "status": "ACTIVE",
            "search_text": "",
            "created_at": NOON + timedelta(microseconds=number // 2),
            "updated_at": NOON,
        }
        for number, code in enumerate(CODES)
    ]
    await database.run(insert(ProductRow), rows)
    yield database
    await database.close()


async def by_code(database: Database, page: Page, **options) -> Slice[str]:
    statement = select(ProductRow.code)
    return await slice_of(database, statement, [ProductRow.code], page, value=lambda row: row.code, **options)


async def by_age(database: Database, page: Page, **options) -> Slice[str]:
    statement, keys = select(ProductRow.code), [ProductRow.created_at, ProductRow.code]
    return await slice_of(database, statement, keys, page, value=lambda row: row.code, **options)


def nodes(part: Slice[str]) -> list[str]:
    return [edge.node for edge in part.edges]


@pytest.mark.parametrize("listed", [by_code, by_age])
@pytest.mark.parametrize("descending", [False, True])
async def test_a_list_is_walked_forwards_without_gap_or_repetition(database, listed, descending):
    seen, after, has_next = [], None, True
    while has_next:
        part = await listed(database, Page(size=3, after=after), descending=descending)
        assert part.has_previous == (after is not None)
        seen += nodes(part)
        after, has_next = part.edges[-1].cursor, part.has_next

    assert seen == (CODES[::-1] if descending else CODES)


@pytest.mark.parametrize("listed", [by_code, by_age])
@pytest.mark.parametrize("descending", [False, True])
async def test_a_list_is_walked_backwards_and_each_page_keeps_the_lists_order(database, listed, descending):
    seen, before, has_previous = [], None, True
    while has_previous:
        part = await listed(database, Page(size=3, before=before, backward=True), descending=descending)
        assert part.has_next == (before is not None)
        seen = nodes(part) + seen
        before, has_previous = part.edges[0].cursor, part.has_previous

    assert seen == (CODES[::-1] if descending else CODES)


async def test_a_page_may_lie_between_two_cursors(database):
    whole = await by_code(database, Page(size=7))

    part = await by_code(database, Page(size=5, after=whole.edges[1].cursor, before=whole.edges[4].cursor))

    assert nodes(part) == CODES[2:4]


async def test_the_whole_list_is_counted_only_when_asked(database):
    part = await by_code(database, Page(size=2))

    assert part.count is not None
    assert await part.count() == len(CODES)


async def test_a_page_of_none_says_whether_there_is_more(database):
    nothing = await by_code(database, page(first=0))

    assert nodes(nothing) == []
    assert nothing.has_next


@pytest.mark.parametrize(
    "cursor",
    [
        "nonsense",
        "é",
        "a" * (CURSOR_LENGTH_MAX + 1),
        cursor_of([5]),
        cursor_of(["P-1", "P-2"]),
        cursor_of(["P\0"]),
        cursor_of(["P-1"]) + "=",
        "bnVsbA",
    ],
)
@pytest.mark.parametrize("argument", ["after", "before"])
async def test_a_cursor_of_no_such_list_is_refused_where_it_stands(database, cursor, argument):
    with pytest.raises(Refused) as refusal:
        await by_code(database, Page(size=PAGE_SIZE, **{argument: cursor}))

    assert refusal.value.problems[0].path == (argument,)


@pytest.mark.parametrize("key", [(2**63,), (True,), (1.5,), (None,)])
def test_a_number_that_no_column_keeps_is_no_key(key):
    assert key_of(cursor_of(key), [int]) is None


def test_an_instant_without_an_offset_is_no_key():
    assert key_of(cursor_of(["2026-05-01T12:00:00"]), [datetime]) is None
