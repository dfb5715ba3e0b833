"""Reading the demo's files: CSV rows, TOML tables, and the few words they share."""

import csv
import tomllib
from bisect import bisect
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from domain.catalog.model import Texts
from domain.money import Money, minor_units

T = TypeVar("T")

Row = Mapping[str, str]

LANGUAGES = ("en", "it", "fr", "de")

_FOLDER = Path(__file__).parent


def rows(name: str) -> list[Row]:
    """The rows of a CSV file, in its order. A row may stop early: what it leaves out is empty."""
    with (_FOLDER / name).open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, restkey="", restval="")
        found: list[Row] = [*reader]
    for row in found:
        assert "" not in row, f"{name} has a row with more fields than its first line names: {row}"
    return found


def rows_by(column: str, name: str) -> dict[str, Row]:
    """The rows of a CSV file by the column that names them."""
    found = {row[column]: row for row in rows(name)}
    assert len(found) == len(rows(name)), f"{name} names two rows alike."
    return found


def table(name: str) -> dict[str, Any]:
    """A TOML file."""
    with (_FOLDER / name).open("rb") as file:
        return tomllib.load(file)


def texts(row: Row) -> Texts:
    """What a row says in each language; English first, so that it serves whoever asks for another."""
    return {language: row[language] for language in LANGUAGES}


def money(amount: str, currency: str) -> Money:
    """Money from "12.50"."""
    minor = minor_units(Decimal(amount), currency)
    assert minor is not None, f"{amount} is no amount of {currency}."
    return Money(minor, currency)


class Chance:
    """Chance that falls alike for the same words, on every machine and Python: all of it comes from Random.random().

    Each question has words of its own, so that a new product or store changes nothing about the others.
    """

    def __init__(self, *words: object) -> None:
        self._random = Random("/".join(str(word) for word in words)).random  # noqa: S311 - Goods are no secret.

    def between(self, least: int, most: int) -> int:
        """One of least, …, most."""
        return least + int(self._random() * (most - least + 1))

    def one_of(self, things: Sequence[T]) -> T:
        return things[self.between(0, len(things) - 1)]

    def weighed(self, weights: Mapping[str, float]) -> str:
        """One of the names, each as likely as its weight says."""
        left = self._random() * sum(weights.values())
        for name, weight in weights.items():
            left -= weight
            if left < 0:
                return name
        return list(weights)[-1]

    def place(self, heights: Sequence[float]) -> int:
        """A place in a list of rising heights, each as likely as the step that leads to it is high."""
        return min(bisect(heights, self._random() * heights[-1]), len(heights) - 1)

    def happens(self, share: float) -> bool:
        return self._random() < share

    def part(self, units: int, share: float) -> int:
        """That share of the units, a broken one rounded up as often as it is large."""
        return int(units * share + self._random())

    def band(self, bands: list[dict[str, Any]]) -> tuple[int, int]:
        """The `units` of one of the bands, each as likely as its `share` says."""
        left = self._random()
        for band in bands:
            left -= band["share"]
            if left < 0:
                break
        least, most = band["units"]
        return least, most
