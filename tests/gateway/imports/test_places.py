"""A file of postal codes is taken in whole: every line is accounted for, and twice is as good as once."""

import csv
import gzip
import io
import zipfile

import pytest

from domain.places import Destination, GeoPoint
from gateway.imports.files import DONE, FAILED, SOME_REJECTED
from gateway.imports.places import BATCH_LINES, LINE_BYTES_MAX, import_places
from gateway.settings import read_settings
from tests.shop import SECRET, a_shop


def a_line(country="IT", code="20121", latitude=45.5, longitude=9.25):
    return f"{country}\t{code}\tMilano\tLombardia\t09\tMilano\tMI\t\t\t{latitude}\t{longitude}\t4\n"


ITALY = a_line() + a_line(code="20122", latitude=46.5) + a_line(code="20121", latitude=46.5)
FRANCE = a_line("FR", "75001", 48.5, 2.5)


@pytest.fixture
def take_in(migrated_database_url, tmp_path):
    """Imports a text, or bytes, as a file; answers the exit code and the rejects."""
    settings = read_settings(database_url=migrated_database_url, secret_key=SECRET)

    async def run(content: str | bytes, name="places.txt") -> tuple[int, list[dict[str, str]]]:
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        code = await import_places(settings, file)
        rejects = tmp_path / "places.rejects.csv"
        lines = rejects.read_text(errors="surrogateescape").splitlines() if rejects.exists() else []
        return code, list(csv.DictReader(lines))

    return run


@pytest.fixture
def known(migrated_database_url):
    """Where codes are by now: "IT 20121" to (45.5, 9.25), of those that are known."""

    async def look(*codes):
        wanted = {code: Destination(country=code[:2], postal_code=code[3:]) for code in codes}
        async with a_shop(migrated_database_url) as shop:
            points = await shop.world.reads.places.points(list(wanted.values()))
        return {code: points[each] for code, each in wanted.items() if each in points}

    return look


async def test_a_code_is_known_in_the_middle_of_its_places_and_twice_changes_nothing(take_in, known, capsys):
    answers = []
    for _ in range(2):
        assert await take_in(ITALY + FRANCE) == (DONE, [])
        answers.append(await known("IT 20121", "IT 20122", "FR 75001"))

    assert answers[0] == answers[1]
    assert answers[0] == {
        "IT 20121": GeoPoint(46, 9.25),
        "IT 20122": GeoPoint(46.5, 9.25),
        "FR 75001": GeoPoint(48.5, 2.5),
    }
    told = capsys.readouterr().out
    assert told.count("4 lines read: 4 taken, 0 rejected") == 2
    assert told.count("Countries: FR IT. 0 codes dropped that are no longer listed.") == 2


async def test_a_newer_file_takes_the_place_of_all_that_was_known_of_its_countries_and_of_no_other(
    take_in, known, capsys
):
    await take_in(ITALY + FRANCE)

    await take_in(a_line(latitude=47))

    assert "1 codes dropped" in capsys.readouterr().out
    assert await known("IT 20121", "IT 20122", "FR 75001") == {
        "IT 20121": GeoPoint(47, 9.25),
        "FR 75001": GeoPoint(48.5, 2.5),
    }


async def test_lines_that_cannot_be_taken_are_told_by_number_and_reason_and_the_others_are_taken(take_in, known):
    bad = [a_line("XX"), "a word\n", a_line(latitude="north"), "x" * (LINE_BYTES_MAX + 10) + "\n"]

    code, rejects = await take_in("\n".join(["".join(bad).rstrip("\n"), ITALY]).encode() + b"\xff\n")

    assert code == SOME_REJECTED
    assert [(each["line"], each["reason"][:30]) for each in rejects] == [
        ("1", "'XX' is no country: ISO 3166-1"),
        ("2", "Its columns are 1; 12 are righ"),
        ("3", "'north' and '9.25' are no lati"),
        ("4", f"It is longer than {LINE_BYTES_MAX} bytes."[:30]),
        ("8", "It is not UTF-8."),
    ]
    assert rejects[1]["said"] == "a word"
    assert set(await known("IT 20121", "IT 20122")) == {"IT 20121", "IT 20122"}


async def test_a_file_that_ends_in_the_middle_of_a_line_drops_nothing(take_in, known, capsys):
    await take_in(ITALY)

    code, _ = await take_in(ITALY[: ITALY.index("20122") + 20])

    assert code == SOME_REJECTED
    assert "no code was dropped. Import it again whole." in capsys.readouterr().out
    assert set(await known("IT 20121", "IT 20122")) == {"IT 20121", "IT 20122"}


async def test_a_gzipped_file_is_read_a_damaged_one_stops_and_an_archive_is_to_be_unpacked(take_in, known, capsys):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("IT.txt", ITALY)
    whole = gzip.compress(ITALY.encode())

    assert (await take_in(archive.getvalue(), "IT.zip"))[0] == FAILED
    assert (await take_in(whole[:-12], "cut.gz"))[0] == FAILED
    assert await known("IT 20122") == {}
    assert (await take_in(whole, "places.txt.gz"))[0] == DONE

    told = capsys.readouterr().err
    assert "unzip IT.zip" in told
    assert "is damaged after line" in told
    assert set(await known("IT 20122")) == {"IT 20122"}


async def test_a_file_longer_than_a_batch_is_taken_in_whole(take_in, known):
    codes = [f"{number:05}" for number in range(BATCH_LINES + 1)]

    code, rejects = await take_in("".join(a_line(code=code) for code in [*codes, codes[0]]))

    assert (code, rejects) == (DONE, [])
    assert len(await known(f"IT {codes[0]}", f"IT {codes[-1]}")) == 2
