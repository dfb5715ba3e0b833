"""A file of orders is taken in whole: every line is accounted for, once, however often and however far it is run."""

import csv
import gzip
from decimal import Decimal

import pytest
from sqlalchemy import text

from domain.access import EVERY_ORDER
from domain.orders.model import NO_FILTER, OrderSort, OrderStatus
from domain.paging import page
from gateway.imports import orders as imports
from gateway.imports.files import DONE, FAILED
from gateway.imports.orders import import_orders
from gateway.settings import read_settings
from persistence.audit import audit
from tests.shop import SECRET, a_shop

HEADER = "reference,placed_at,sku,name,quantity,unit_price,currency,customer,country,note\n"
# Two orders of Ada's, then cancellations, faults of all kinds, and a guest.
FAULTY = (
    HEADER
    + """\
100,2010-12-01T08:26:00Z,A1,First name,6,2.55,GBP,ada,United Kingdom,
100,2010-12-01T08:26:00Z,A1,,4,2.50,GBP,ada,United Kingdom,the same SKU twice
100,2010-12-01T08:26:00Z,POST,POSTAGE,1,18.00,GBP,ada,United Kingdom,no goods
101,2010-12-02T08:26:00+01:00,A1,Second name,5,2.55,GBP,ada,EIRE,
101,2010-12-02T08:26:00+01:00,B2,Bell,1,0.0,GBP,ada,EIRE,no price
102,2010-12-02T09:00:00Z,B2,"Bell, brass",3,1.25,GBP,,Unspecified,a guest
C103,2010-12-03T08:00:00Z,A1,First name,-7,2.55,GBP,ada,United Kingdom,5 of 101 and 2 of 100
C104,2010-12-03T09:00:00Z,A1,First name,-10,2.55,GBP,ada,United Kingdom,8 of 100 and no more
C105,2010-12-03T09:00:00Z,A1,First name,-1,2.55,GBP,ada,United Kingdom,nothing left
C106,2010-12-03T09:00:00Z,B2,Bell,-1,1.25,GBP,,United Kingdom,whose
107,2010-12-04T09:00:00Z,B2,Bell,nine,1.25,GBP,ada,United Kingdom,unparsable
108,2010-12-04T09:00:00Z,B2,Bell,1
109,2010-12-04T09:00:00Z,B2,Bell,2,1.25,GBP,ada,Atlantis,nowhere
110,2010-12-05T09:00:00Z,B2,Bell,-1,1.25,GBP,ada,United Kingdom,not Ada's
"""
)
PLAIN = HEADER + "".join(
    f"{number},2010-12-0{number}T08:00:00Z,A1,Apple,{number},1.00,GBP,ada,GB,\n"
    f"C{number},2010-12-0{number}T09:00:00Z,A1,Apple,-1,1.00,GBP,ada,GB,\n"
    for number in range(1, 6)
)


@pytest.fixture
def take_in(migrated_database_url, tmp_path):
    """Imports a text as a file, with products and stock as needed; answers the exit code and the rejects."""
    settings = read_settings(database_url=migrated_database_url, secret_key=SECRET)

    async def run(content: str, **options) -> tuple[int, list[dict[str, str]]]:
        file = tmp_path / "orders.csv"
        file.write_text(content)
        code = await import_orders(settings, file, **{"create_products": True, "stock": "as-needed", **options})
        rejects = tmp_path / "orders.rejects.csv"
        return code, list(csv.DictReader(rejects.read_text().splitlines())) if rejects.exists() else []

    return run


@pytest.fixture
def shop_now(migrated_database_url):
    """The same database, looked at by a shop."""
    return lambda: a_shop(migrated_database_url)


async def orders_of(shop):
    listed = await shop.world.reads.orders.page(NO_FILTER, OrderSort.OLDEST, page(50), EVERY_ORDER)
    return {edge.node.external_reference: edge.node for edge in listed.edges}


async def rows_of(shop) -> dict[str, int]:
    tables = "orders order_lines allocations payments payment_transactions customers events jobs stock_movements"
    return {table: await shop.count(table) for table in [*tables.split(), "idempotency_keys", "products", "channels"]}


async def everything_that_lasts(shop) -> list[object]:
    """What must not depend on how often an import was begun: no ids, numbers or instants."""
    lines = (
        "SELECT external_reference, status, payment_status, total_minor, captured_minor, refunded_minor, version,"
        " position, sku, name, quantity, allocated, canceled FROM orders JOIN order_lines ON order_id = orders.id"
        " ORDER BY external_reference, position"
    )
    levels = "SELECT sku, location_code, on_hand, allocated FROM stock_levels ORDER BY sku"
    moves = "SELECT sku, counter, delta, reason FROM stock_movements ORDER BY number"
    return [[tuple(row) for row in await shop.world.database.fetch(text(each))] for each in (lines, levels, moves)]


async def test_every_line_is_ordered_canceled_or_rejected_and_the_rest_of_an_order_goes_on(take_in, shop_now, capsys):
    code, rejects = await take_in(FAULTY)

    assert code == DONE
    assert "14 lines read: 4 ordered, 1 canceled, 9 rejected" in capsys.readouterr().out
    assert [(int(each["line"]), each["reference"]) for each in rejects] == [
        (4, "100"),
        (6, "101"),
        (9, "C104"),
        (10, "C105"),
        (11, "C106"),
        (12, "107"),
        (13, "108"),
        (14, "109"),
        (15, "110"),
    ]
    reasons = {each["line"]: each["reason"] for each in rejects}
    assert reasons["9"] == "Only 8 of 10 units were found in earlier orders, and are canceled."
    assert "names no customer" in reasons["11"]
    assert "'Atlantis' tells no country" in reasons["14"]
    assert "No earlier order of this customer has units of B2" in reasons["15"]
    async with shop_now() as shop:
        orders = await orders_of(shop)
        assert {reference: order.status for reference, order in orders.items()} == {
            "100": OrderStatus.CANCELED,
            "101": OrderStatus.CANCELED,
            "102": OrderStatus.CONFIRMED,
        }
        assert [verdict async for verdict in audit(shop.world.database) if verdict.rows] == []


async def test_orders_are_taken_in_as_they_were_sold(take_in, shop_now):
    await take_in(FAULTY)

    async with shop_now() as shop:
        orders = await orders_of(shop)
        ada, guest = orders["100"], orders["102"]
        assert ada.channel_code == "imported-gbp"
        assert ada.placed_at.isoformat() == "2010-12-01T08:26:00+00:00"
        assert [(each.name, each.unit_price.amount) for each in await shop.lines(ada.id)] == [
            ("First name", Decimal("2.55")),
            ("First name", Decimal("2.50")),
        ]
        assert (ada.captured.amount, ada.refunded.amount) == (Decimal("25.30"), Decimal("25.30"))
        assert (guest.totals.total.amount, guest.captured.amount, guest.country) == (
            Decimal("3.75"),
            Decimal("3.75"),
            "GB",
        )
        assert ada.customer_id == orders["101"].customer_id != guest.customer_id
        assert (ada.is_guest, guest.is_guest) == (False, True)
        bell = await shop.level("B2", "imported")
        assert (bell.on_hand, bell.allocated) == (3, 3)


async def test_a_second_run_changes_nothing_and_accounts_for_the_same(take_in, shop_now, capsys):
    _, first = await take_in(FAULTY)
    async with shop_now() as shop:
        before = await rows_of(shop), await everything_that_lasts(shop)

    _, second = await take_in(FAULTY)

    async with shop_now() as shop:
        assert (await rows_of(shop), await everything_that_lasts(shop)) == before
    assert first == second
    told = capsys.readouterr().out
    assert told.count("14 lines read: 4 ordered, 1 canceled, 9 rejected") == 2
    assert "3 orders, of which 0 are new; 15 units canceled." in told


@pytest.mark.parametrize("step", ["_sales", "_cancellations"])
async def test_a_run_killed_in_the_middle_and_begun_again_ends_the_same(
    take_in, shop_now, monkeypatch, migrated_sqlite_file, tmp_path, step
):
    monkeypatch.setattr(imports, "BATCH_ORDERS_MAX", 2)
    done = getattr(imports._Import, step)
    left = 3

    async def killed(importing, groups):
        nonlocal left
        left -= 1
        if not left:
            raise KeyboardInterrupt
        await done(importing, groups)

    monkeypatch.setattr(imports._Import, step, killed)
    with pytest.raises(KeyboardInterrupt):
        await take_in(PLAIN)
    monkeypatch.setattr(imports._Import, step, done)
    await take_in(PLAIN)

    whole = tmp_path / "whole.sqlite"
    whole.write_bytes(migrated_sqlite_file.read_bytes())
    settings = read_settings(database_url=f"sqlite:///{whole}", secret_key=SECRET)
    await import_orders(settings, tmp_path / "orders.csv", create_products=True, stock="as-needed")
    async with shop_now() as resumed, a_shop(settings.database_url) as uninterrupted:
        assert await everything_that_lasts(resumed) == await everything_that_lasts(uninterrupted)
        assert await resumed.count("orders") == 5


async def test_with_stock_checked_an_order_that_lacks_any_is_left_out_whole_and_nothing_is_received(
    take_in, shop_now, capsys
):
    async with shop_now() as shop:
        await shop.stock(milan={"A1": 3, "B2": 9})
    sold = (
        HEADER + "1,2026-05-01T08:00:00Z,A1,Apple,2,1.00,EUR,ada,FR,\n"
        "2,2026-05-01T08:00:00Z,A1,Apple,2,1.00,EUR,ada,FR,\n"
        "2,2026-05-01T08:00:00Z,B2,Bell,1,1.00,EUR,ada,FR,\n"
        "3,2026-05-01T08:00:00Z,A1,Apple,1,1.00,EUR,ada,FR,\n"
    )

    _, rejects = await take_in(sold, stock="check")

    assert [(each["line"], each["reason"]) for each in rejects] == [
        ("3", "Only 1 of A1 can be had; 2 were asked for."),
        ("4", "Only 1 of A1 can be had; 2 were asked for."),
    ]
    async with shop_now() as shop:
        level = await shop.level("A1", "milan")
        assert (level.on_hand, level.allocated) == (3, 3)
        assert set(await orders_of(shop)) == {"1", "3"}


async def test_stock_that_is_there_is_taken_before_any_is_received(take_in, shop_now):
    async with shop_now() as shop:
        await shop.stock(milan={"A1": 3})

    await take_in(HEADER + "1,2026-05-01T08:00:00Z,A1,Apple,5,1.00,EUR,ada,FR,\n")

    async with shop_now() as shop:
        there, received = await shop.level("A1", "milan"), await shop.level("A1", "imported")
        assert (there.allocated, received.on_hand, received.allocated) == (3, 2, 2)


async def test_without_leave_to_make_products_unknown_ones_are_left_out_and_the_rest_goes_on(take_in, shop_now):
    async with shop_now() as shop:
        await shop.stock(milan={"A1": 3})
    sold = (
        HEADER + "1,2026-05-01T08:00:00Z,A1,Apple,2,1.00,EUR,ada,FR,\n"
        "1,2026-05-01T08:00:00Z,Z9,Zither,2,1.00,EUR,ada,FR,\n"
    )

    _, rejects = await take_in(sold, create_products=False, channel="web")

    assert [(each["line"], each["reason"][:19]) for each in rejects] == [("3", "There is no SKU Z9;")]
    async with shop_now() as shop:
        (order,) = (await orders_of(shop)).values()
        assert [each.sku for each in await shop.lines(order.id)] == ["A1"]


async def test_a_file_without_a_column_is_refused_in_one_sentence_and_touches_nothing(take_in, shop_now, capsys):
    code, rejects = await take_in(FAULTY.replace("unit_price,currency", "price,currency", 1))

    assert (code, rejects) == (FAILED, [])
    (said,) = capsys.readouterr().err.splitlines()
    assert "lacks the columns unit_price." in said
    async with shop_now() as shop:
        assert set((await rows_of(shop)).values()) == {0}


async def test_a_gzipped_file_is_read_and_a_damaged_one_says_where(migrated_database_url, tmp_path, capsys):
    settings = read_settings(database_url=migrated_database_url, secret_key=SECRET)
    packed = gzip.compress(PLAIN.encode())
    whole, cut = tmp_path / "whole.csv.gz", tmp_path / "cut.csv.gz"
    whole.write_bytes(packed)
    cut.write_bytes(packed[:-20])
    options = {"create_products": True, "stock": "as-needed", "rejects": tmp_path / "left-out.csv"}

    assert await import_orders(settings, whole, **options) == DONE
    assert await import_orders(settings, cut, **options) == FAILED

    told = capsys.readouterr()
    assert "10 lines read: 5 ordered, 5 canceled, 0 rejected" in told.out
    assert "is damaged after line" in told.err
