"""A file of stock is brought into the levels: each line is taken or rejected, a snapshot's rest zeroed."""

import csv
import gzip
import os
import threading
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import text

from domain.clock import SetClock
from domain.inventory.model import Movement, StockCounter, StockMovementReason
from gateway.imports import stock as imports
from gateway.imports.files import DONE, FAILED, SOME_REJECTED
from gateway.imports.stock import import_stock
from gateway.settings import read_settings
from gateway.wiring import wire
from persistence.listed import Listed
from tests.factories import NOW, a_product, an_order
from tests.shop import SECRET, a_shop

HEADER = "sku,location,quantity,bin\n"


@pytest.fixture(autouse=True)
def an_hour_later(monkeypatch):
    """Imports run an hour after what tests do in their shop, and two lines at a time."""
    monkeypatch.setattr(imports, "wire", partial(wire, clock=SetClock(NOW + timedelta(hours=1))))
    monkeypatch.setattr(imports, "BATCH_LINES", 2)


@pytest.fixture
def take_in(migrated_database_url, tmp_path):
    """Imports a text as a file written at ten o'clock; answers the exit code, and why which lines were left out."""
    settings = read_settings(database_url=migrated_database_url, secret_key=SECRET)

    async def run(content: str | bytes, *, minutes: int | None = None, **options) -> tuple[int, dict[int, str]]:
        file = tmp_path / "stock.csv"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        os.utime(file, (NOW.timestamp(), NOW.timestamp()))
        as_of = None if minutes is None else NOW + timedelta(minutes=minutes)
        rejects = tmp_path / "stock.rejects.csv"
        rejects.unlink(missing_ok=True)
        code = await import_stock(settings, file, **{"as_of": as_of, **options})
        return code, _read(rejects) if rejects.exists() else {}

    return run


def _read(rejects):
    return {
        int(each["line"]): each["reason"] for each in csv.DictReader(rejects.read_text(errors="replace").splitlines())
    }


async def on_hand(shop) -> dict[str, int]:
    """What there is, by SKU and place."""
    rows = await shop.world.database.fetch(text("SELECT sku, location_code, on_hand FROM stock_levels ORDER BY 2, 1"))
    return {f"{row.sku} {row.location_code}": row.on_hand for row in rows if row.on_hand}


async def rows_of(shop) -> dict[str, int]:
    return {table: await shop.count(table) for table in ("stock_levels", "stock_movements", "events", "jobs")}


async def move(shop, sku, delta, reason=StockMovementReason.ADJUSTMENT, *, minutes: int) -> None:
    """Change what Milan has of a SKU, so many minutes after ten."""
    at = NOW + timedelta(minutes=minutes)
    counter = StockCounter.ON_HAND
    moved = Movement(sku=sku, location="milan", counter=counter, delta=delta, reason=reason, actor="test", at=at)
    async with shop.world.work() as work:
        await work.inventory.lock_levels([moved.key])
        await work.inventory.move([moved])


# ── What a file does ──


async def test_a_snapshot_is_the_whole_truth_of_the_places_it_lists(shop, take_in, capsys):
    await shop.stock(milan={"A": 5, "B": 5, "C": 5}, rome={"A": 9, "B": 2}, paris={"A": 4})

    code, rejects = await take_in(HEADER + "A,milan,7,R12-3\nA,rome,0,\nC,rome,3,\nB,milan,5,\n")

    assert (code, rejects) == (DONE, {})
    assert await on_hand(shop) == {"A milan": 7, "B milan": 5, "C rome": 3, "A paris": 4}
    assert (await shop.level("A", "milan")).bin == "R12-3"
    told = capsys.readouterr().out
    assert "4 lines read: 4 taken, 0 rejected" in told
    assert "As of 2026-05-05T10:00:00Z: 3 levels changed, 2 zeroed that are not listed." in told
    assert await shop.broken_laws() == []


async def test_a_delta_leaves_what_it_does_not_list(shop, take_in):
    await shop.stock(milan={"A": 5, "B": 5})

    await take_in(HEADER + "A,milan,7,\n", mode="DELTA")

    assert await on_hand(shop) == {"A milan": 7, "B milan": 5}


async def test_the_ledger_and_the_log_tell_of_every_level_that_a_file_changed(shop, take_in):
    await shop.stock(milan={"A": 5, "B": 5, "C": 5, "D": 1})
    before = await shop.world.reads.log.end()

    await take_in(HEADER + "A,milan,7,\nB,milan,5,\nC,milan,6,\n")

    movements = await shop.world.reads.inventory.movements_by_number(range(5, 9))
    assert [(each.sku, each.delta, each.reason.value, each.reference, each.actor) for each in movements.values()] == [
        ("A", 2, "FEED", "2026-05-05T10:00:00Z", "import"),
        ("C", 1, "FEED", "2026-05-05T10:00:00Z", "import"),
        ("D", -1, "FEED", "2026-05-05T10:00:00Z", "import"),
    ]
    events = await shop.world.reads.log.after(before, 100)
    synced = [each.data for each in events if each.kind == "stock.synced"]
    assert [(each["location"], each["mode"], each["lines"], each["count"]) for each in synced] == [
        ("milan", "SNAPSHOT", 2, 1),
        ("milan", "SNAPSHOT", 1, 1),
        ("milan", "SNAPSHOT", 0, 1),
    ]


async def test_the_same_file_twice_changes_nothing(shop, take_in, capsys):
    await shop.stock(milan={"A": 5, "B": 5, "C": 5}, rome={"A": 9})
    file = HEADER + "A,milan,7,R1\nB,milan,4,\nA,rome,8,\n"
    await take_in(file)
    before = await rows_of(shop), await on_hand(shop)

    assert await take_in(file) == (DONE, {})

    assert (await rows_of(shop), await on_hand(shop)) == before
    assert "0 levels changed, 0 zeroed that are not listed" in capsys.readouterr().out


@pytest.mark.parametrize(("step", "done"), [("_take_in", 2), ("_zero_unlisted_at", 1)])
async def test_a_run_killed_in_the_middle_has_zeroed_nothing_it_was_to_list_and_begun_again_ends_the_same(
    shop, take_in, monkeypatch, migrated_sqlite_file, tmp_path, step, done
):
    stocked = {"milan": {"A": 5, "B": 5, "C": 5, "E": 1}, "rome": {"A": 9, "B": 2, "C": 3}}
    lines = ["A,milan,7", "C,milan,4", "A,rome,8", "D,rome,1", "D,milan,1", "B,milan,6"]
    file = "sku,location,quantity\n" + "\n".join(lines)
    await shop.stock(**stocked, paris={"D": 1})
    whole = getattr(imports._Import, step)
    left = done

    async def killed(importing, *arguments):
        nonlocal left
        if not left:
            raise KeyboardInterrupt
        left -= 1
        await whole(importing, *arguments)

    monkeypatch.setattr(imports._Import, step, killed)
    with pytest.raises(KeyboardInterrupt):
        await take_in(file)
    halfway = await on_hand(shop)
    monkeypatch.setattr(imports._Import, step, whole)
    await take_in(file)

    if step == "_take_in":
        assert halfway == {
            "A milan": 7,
            "B milan": 5,
            "C milan": 4,
            "E milan": 1,
            "A rome": 8,
            "B rome": 2,
            "C rome": 3,
            "D rome": 1,
            "D paris": 1,
        }
    other = tmp_path / "other.sqlite"
    other.write_bytes(migrated_sqlite_file.read_bytes())
    async with a_shop(f"sqlite:///{other}") as uninterrupted:
        await uninterrupted.stock(**stocked, paris={"D": 1})
        settings = read_settings(database_url=f"sqlite:///{other}", secret_key=SECRET)
        await import_stock(settings, tmp_path / "stock.csv")
        assert await on_hand(shop) == await on_hand(uninterrupted)
        assert await shop.count("stock_movements") == await uninterrupted.count("stock_movements")
    assert await shop.broken_laws() == []


async def test_what_orders_and_quotes_hold_is_left_alone(shop, take_in):
    await shop.stock(milan={"A": 5, "B": 5})
    await shop.place(an_order(("A", 3), ("B", 2)))

    await take_in(HEADER + "A,milan,1,\n")

    held, unlisted = await shop.level("A", "milan"), await shop.level("B", "milan")
    assert (held.on_hand, held.allocated, held.available) == (1, 3, 0)
    assert (unlisted.on_hand, unlisted.allocated) == (0, 2)
    assert await shop.broken_laws() == []


async def test_figures_net_of_allocations_get_them_back(shop, take_in):
    await shop.stock(milan={"A": 5})
    await shop.place(an_order(("A", 3)))

    await take_in(HEADER + "A,milan,4,\n", includes_allocated=True)

    level = await shop.level("A", "milan")
    assert (level.on_hand, level.available) == (7, 4)


async def test_what_moved_since_the_file_was_written_is_applied_again_on_top(shop, take_in):
    await shop.stock(milan={"A": 5, "B": 5, "C": 5})
    await move(shop, "A", -1, minutes=5)
    await move(shop, "B", +2, minutes=5)
    file = HEADER + "A,milan,9,\n"

    for _ in range(2):
        await take_in(file)

        assert await on_hand(shop) == {"A milan": 8, "B milan": 2}


async def test_what_was_counted_since_stays_as_it_was_found(shop, take_in):
    await shop.stock(milan={"A": 5, "B": 5, "C": 5})
    for sku in "AB":
        await move(shop, sku, -1, StockMovementReason.COUNT, minutes=5)

    await take_in(HEADER + "A,milan,9,\n")

    assert await on_hand(shop) == {"A milan": 4, "B milan": 4}


# ── How it may be written ──


WRITTEN = {
    "columns in any order, and others beside them": "note,quantity,sku,x,location\nnew,7,A,,milan\n,3,A,,rome\n",
    "quoted cells": '"sku","location","quantity","note"\n"A","milan","7","white, ""as snow"""\nA,rome,3,"x"\n',
    "a byte order mark and carriage returns": "\ufeffsku,location,quantity\r\nA,milan,7\r\nA,rome,3\r\n",
    "empty lines, and no end of the last one": "sku,location,quantity\n\nA,milan,7\n \n\nA,rome,3",
    "JSON lines": '{"sku": "A", "location": "milan", "quantity": 7, "x": 1}\n'
    '{"sku":"A","location":"rome","quantity":"3"}',
    "JSON lines after a byte order mark": '\ufeff {"sku": "A", "location": "milan", "quantity": 7}\n'
    '{"sku": "A", "location": "rome", "quantity": 3, "bin": null}\n',
}


@pytest.mark.parametrize("content", WRITTEN.values(), ids=WRITTEN.keys())
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
async def test_a_file_is_read_as_it_was_written(shop, take_in, content, pack):
    await shop.stock(milan={"A": 5, "B": 5}, rome={"A": 9})

    assert await take_in(pack(content.encode())) == (DONE, {})

    assert await on_hand(shop) == {"A milan": 7, "A rome": 3}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "lacks the columns sku, location, quantity."),
        ("SKU;location;quantity\nA;milan;7\n", "lacks the columns sku, location, quantity."),
        ('[{"sku": "A", "location": "milan", "quantity": 7}]', "or each line is a JSON object of them."),
        ("sku,quantity\nA,7\n", "lacks the columns location."),
        ("sku,location,quantity,quantity\nA,milan,7,8\n", "has the columns quantity more than once."),
        ("sku,location,quantity\nA,milan,7\n".encode("utf-16"), "lacks the columns"),
    ],
)
async def test_what_is_no_file_of_stock_is_said_in_a_sentence_and_touches_nothing(
    shop, take_in, capsys, content, sentence
):
    await shop.stock(milan={"A": 5})
    before = await rows_of(shop)

    assert (await take_in(content))[0] == FAILED

    (said,) = capsys.readouterr().err.splitlines()
    assert sentence in said
    assert await rows_of(shop) == before


async def test_a_pipe_is_read_where_its_moment_is_named(shop, take_in, migrated_database_url, tmp_path, capsys):
    await shop.stock(milan={"A": 5})
    settings = read_settings(database_url=migrated_database_url, secret_key=SECRET)
    pipe, rejects = tmp_path / "pipe", tmp_path / "rejects.csv"
    os.mkfifo(pipe)

    for as_of, code in ((None, FAILED), (NOW, DONE)):
        writer = threading.Thread(target=pipe.write_text, args=[HEADER + "A,milan,7,\n"])
        writer.start()
        assert await import_stock(settings, pipe, as_of=as_of, rejects=rejects) == code
        writer.join()

    assert "Name the moment it tells of with --as-of." in capsys.readouterr().err
    assert await on_hand(shop) == {"A milan": 7}


# ── What is left out ──

FAULTY = HEADER + (
    "A,milan,7,\n"
    "NOBODY,milan,1,\n"
    "A,atlantis,1,\n"
    "KIT,milan,1,\n"
    "B,milan,-1,\n"
    "C,milan,1.5,\n"
    "D,milan,1000001,\n"
    "A,milan,8,\n"
    "E,milan\n"
    "F,white,milan,3,\n"
    f"G,milan,3,{'x' * 65}\n"
    "H,milan,,\n"
    "H,milan,3,\n"
    "(13 rows)\n"
)


async def test_lines_that_cannot_be_taken_are_told_by_number_and_reason_and_the_rest_is_taken(
    shop, take_in, capsys, tmp_path
):
    await shop.stock(milan=dict.fromkeys("ABCDEFGHI", 5), rome={"A": 5})
    async with shop.world.work() as work:
        await work.catalog.import_products([a_product("KIT", components={"A": 1, "B": 1})], NOW)

    code, rejects = await take_in(FAULTY)

    assert code == SOME_REJECTED
    assert "14 lines read: 2 taken, 12 rejected" in capsys.readouterr().out
    assert rejects == {
        3: "There is no SKU 'NOBODY'.",
        4: "There is no location 'atlantis'.",
        5: "KIT is a kit: its stock is that of its components.",
        6: "-1 is out of range: 0 to 1000000 is right.",
        7: "'1.5' is no quantity: whole units are right.",
        8: "1000001 is out of range: 0 to 1000000 is right.",
        9: "Line 2 tells of this SKU at this location already.",
        10: "Its columns are 2; the header has 4.",
        11: "Its columns are 5; the header has 4.",
        12: f"'{'x' * 65}' is no bin: a text of at most 64 characters is right.",
        13: "It has no quantity.",
        15: "Its columns are 1; the header has 4.",
    }
    with (tmp_path / "stock.rejects.csv").open() as file:
        assert {int(row["line"]): row["said"] for row in csv.DictReader(file)}[11] == "F,white,milan,3,"
    assert await on_hand(shop) == {
        "A milan": 7,
        **{f"{sku} milan": 5 for sku in "BCDEFG"},  # What a line that was left out names is neither fed nor zeroed.
        "H milan": 3,
        "A rome": 5,
    }
    assert await shop.broken_laws() == []


async def test_a_file_without_one_right_line_changes_nothing(shop, take_in, capsys):
    await shop.stock(milan={"A": 5})
    before = await rows_of(shop)

    code, rejects = await take_in(HEADER + "X,milan,7,\nY,milan,7,\nZ,milan,7,\n")

    assert (code, len(rejects)) == (SOME_REJECTED, 3)
    assert "No line was taken, so nothing was zeroed." in capsys.readouterr().out
    assert await rows_of(shop) == before


async def test_a_file_of_a_header_alone_zeroes_nothing(shop, take_in, capsys):
    await shop.stock(milan={"A": 5})

    assert await take_in(HEADER, locations=["milan"]) == (SOME_REJECTED, {})

    assert "No line was taken, so nothing was zeroed." in capsys.readouterr().out
    assert await on_hand(shop) == {"A milan": 5}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"B,milan,3,caff\xe8", "It is not UTF-8."),
        (b'B,milan,3,"aisle', "Its columns cannot be told apart: a quote that opens must close."),
        (b"B,milan,3," + b"x" * 10_000, "It is longer than 10000 bytes."),
    ],
)
async def test_beside_a_line_that_may_tell_of_anything_nothing_is_zeroed_and_the_rest_is_taken(
    shop, take_in, capsys, line, reason
):
    await shop.stock(milan={"A": 5, "B": 5})

    code, rejects = await take_in(HEADER.encode() + line + b"\nA,milan,7,\n")

    assert (code, rejects) == (SOME_REJECTED, {2: reason})
    assert "Line 2 may tell of any SKU, so nothing was zeroed." in capsys.readouterr().out
    assert await on_hand(shop) == {"A milan": 7, "B milan": 5}


@pytest.mark.parametrize(
    "cut",
    [
        HEADER + "A,milan,7,\nB,mil",
        HEADER + "A,milan,7,\nB,milan",
        "sku,location,quantity\nA,milan,7\nB,milan,",
        '{"sku":"A","location":"milan","quantity":7}\n{"sku":"B","locat',
        HEADER.encode() + "A,milan,7,\nB,milan,1,\u00e8".encode()[:-1],
    ],
)
async def test_a_file_that_ends_in_the_middle_of_a_line_zeroes_nothing(shop, take_in, capsys, cut):
    await shop.stock(milan={"A": 5, "B": 5, "C": 5})

    code, rejects = await take_in(cut)

    assert (code, list(rejects)) == (SOME_REJECTED, [2 if "{" in str(cut) else 3])
    assert "The file ends in the middle of a line, so nothing was zeroed." in capsys.readouterr().out
    assert await on_hand(shop) == {"A milan": 7, "B milan": 5, "C milan": 5}


async def test_a_wrong_last_line_without_an_end_is_no_sign_of_a_file_cut_off(shop, take_in):
    await shop.stock(milan={"A": 5, "B": 5, "C": 5})

    await take_in(HEADER + "A,milan,7,\nB,milan,-3,")

    assert await on_hand(shop) == {"A milan": 7, "B milan": 5}


async def test_a_gzipped_file_that_was_cut_off_says_where_and_zeroes_nothing(shop, take_in, capsys):
    await shop.stock(milan={"A": 5, "B": 5})
    lines = [f"A{number},milan,{number**5 % 7919},\n" for number in range(50)]

    code, _ = await take_in(gzip.compress("".join([HEADER, "A,milan,7,\n", "X,milan,1,\n", *lines]).encode())[:-20])

    assert code == FAILED
    assert "is damaged after line" in capsys.readouterr().err
    assert await on_hand(shop) == {"A milan": 7, "B milan": 5}


# ── Which moment, and which places ──


async def test_a_file_from_the_future_is_refused(shop, take_in, capsys):
    await shop.stock(milan={"A": 5})

    assert await take_in(HEADER + "A,milan,7,\n", minutes=66) == (FAILED, {})

    assert "A feed tells of what was; it is 2026-05-05T11:00:00Z now." in capsys.readouterr().err
    assert await on_hand(shop) == {"A milan": 5}


async def test_a_file_of_long_ago_is_taken(shop, take_in):
    await shop.stock(milan={"A": 5})
    long_ago = NOW.replace(year=1, month=1, day=1, hour=0)

    assert await take_in(HEADER + "A,milan,7,\n", as_of=long_ago) == (DONE, {})

    assert await on_hand(shop) == {"A milan": 5}, "It was counted since."


async def test_where_a_later_file_was_taken_an_earlier_one_is_left_out(shop, take_in):
    await shop.stock(milan={"A": 5, "B": 5}, rome={"A": 9, "B": 1})
    await take_in(HEADER + "A,rome,4,\n", minutes=10, mode="DELTA")

    code, rejects = await take_in(HEADER + "A,milan,7,\nA,rome,8,\n")

    assert code == SOME_REJECTED
    assert rejects == {3: "The feed of 2026-05-05T10:10:00Z was taken for rome already. Send one that is not older."}
    assert await on_hand(shop) == {"A milan": 7, "A rome": 4, "B rome": 1}


async def test_where_a_later_file_comes_in_between_the_rest_of_its_place_is_left_as_it_is(
    shop, take_in, monkeypatch, capsys
):
    await shop.stock(milan={"A": 5, "B": 5}, rome={"A": 9, "B": 1})
    zero = imports._Import._zero_unlisted

    async def overtaken(importing):
        async with shop.world.work() as work:
            await work.inventory.take_feeds(["rome"], NOW + timedelta(minutes=10))
        await zero(importing)

    monkeypatch.setattr(imports._Import, "_zero_unlisted", overtaken)

    code, rejects = await take_in(HEADER + "A,milan,7,\nA,rome,8,\n")

    assert (code, rejects) == (SOME_REJECTED, {})
    assert "Nothing was zeroed at rome any more. The feed of 2026-05-05T10:10:00Z" in capsys.readouterr().out
    assert await on_hand(shop) == {"A milan": 7, "A rome": 8, "B rome": 1}


async def test_places_that_are_named_are_those_that_are_fed_and_zeroed_though_nothing_there_is_listed(shop, take_in):
    await shop.stock(milan={"A": 5, "B": 5}, rome={"A": 9}, paris={"A": 4})

    code, rejects = await take_in(HEADER + "A,milan,7,\nA,paris,3,\n", locations=["milan", "rome"])

    assert (code, rejects) == (SOME_REJECTED, {3: "'paris' is none of the locations asked for."})
    assert await on_hand(shop) == {"A milan": 7, "A paris": 4}


async def test_a_place_that_does_not_exist_cannot_be_asked_for(shop, take_in, capsys):
    await shop.stock(milan={"A": 5})

    assert await take_in(HEADER + "A,milan,7,\n", locations=["milan", "atlantis"]) == (FAILED, {})

    assert capsys.readouterr().err == "There is no location 'atlantis'.\n"
    assert await on_hand(shop) == {"A milan": 5}


# ── The lines left out, and memory ──


@pytest.mark.parametrize("rejects", ["stock.csv", "no/folder.csv", ".", "/dev/full"])
async def test_where_the_lines_left_out_cannot_be_written_nothing_is_done(shop, take_in, capsys, tmp_path, rejects):
    await shop.stock(milan={"A": 5})
    content = HEADER + "A,milan,7,\n"

    code, _ = await take_in(content, rejects=tmp_path / rejects)

    assert code == FAILED
    assert capsys.readouterr().err.rstrip().endswith("Name another with --rejects FILE.")
    assert await on_hand(shop) == {"A milan": 5}
    assert (tmp_path / "stock.csv").read_text() == content


async def test_a_place_of_many_skus_is_zeroed_a_batch_at_a_time(shop, take_in, monkeypatch):
    await shop.stock(milan={f"S{number}": 1 for number in range(9)})
    asked = []
    unlisted = Listed.unlisted

    def noted(listed, location, skus):
        asked.append(skus)
        return unlisted(listed, location, skus)

    monkeypatch.setattr(Listed, "unlisted", noted)

    await take_in(HEADER + "S4,milan,1,\n")

    assert asked == [["S0", "S1"], ["S2", "S3"], ["S4", "S5"], ["S6", "S7"], ["S8"]]
    assert await on_hand(shop) == {"S4 milan": 1}
