"""The files of an import: what is read, plain or gzipped, and the lines left out of it, which are written beside it."""

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DONE, FAILED = 0, 1

_GZIP = b"\x1f\x8b"
_ENDINGS = (".gz", ".csv", ".jsonl", ".ndjson", ".json")
# What reading a gzipped file raises that was cut off or damaged.
DAMAGED = (EOFError, gzip.BadGzipFile, zlib.error)


class Stopped(Exception):  # noqa: N818
    """The import cannot begin or go on; the text says why, and what would be right."""


@contextmanager
def opened(file: Path) -> Iterator[io.BufferedReader]:
    """The bytes of a file as it is. Raises Stopped where it cannot be read."""
    try:
        raw = file.open("rb")
    except OSError as error:
        raise Stopped(f"{file} cannot be read: {error.strerror}.") from error
    with raw:
        yield raw


def unpacked(raw: io.BufferedReader) -> gzip.GzipFile | io.BufferedReader:
    return gzip.GzipFile(fileobj=raw) if raw.peek(len(_GZIP))[: len(_GZIP)] == _GZIP else raw


def position(raw: io.BufferedReader) -> int:
    """Bytes read of a file; a pipe does not tell."""
    return raw.tell() if raw.seekable() else 0


@contextmanager
def rejects_of(file: Path, rejects: Path) -> Iterator[Any]:
    """A CSV writer of the lines left out of a file. Raises Stopped where `rejects` cannot be written."""
    if rejects.exists() and rejects.samefile(file):
        raise Stopped(f"{rejects} is what is imported. Name another with --rejects FILE.")
    try:
        written = rejects.open("w", encoding="utf-8", errors="surrogateescape", newline="")
    except OSError as error:
        raise Stopped(f"{rejects} cannot be written: {error.strerror}. Name another with --rejects FILE.") from error
    with written:
        yield csv.writer(written)


def beside(file: Path) -> Path:
    """Where the lines left out of a file are written, where nobody says: `sales.csv.gz` has `sales.rejects.csv`."""
    name = file.name
    for ending in _ENDINGS:
        name = name.removesuffix(ending)
    return file.with_name(f"{name}.rejects.csv")
