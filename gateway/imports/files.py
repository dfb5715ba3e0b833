"""The files of an import: what is read, plain or gzipped, and the lines left out of it, which are written beside it."""

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

DONE, FAILED = 0, 1
SOME_REJECTED = 3  # The exit code of an import that left lines out; what is wrong with the command itself is 2.

_GZIP = b"\x1f\x8b"
_ENDINGS = (".gz", ".csv", ".jsonl", ".ndjson", ".json", ".txt")
# What reading raises, of a gzipped file that was cut off or damaged and of a disk that is.
DAMAGED = (EOFError, OSError, zlib.error)


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


def line_after(number: int, file: Path, source: gzip.GzipFile | io.BufferedReader, bytes_max: int) -> bytes:
    """The next line of a file after its so many first, with its end; empty where there is none.

    Of one that is longer than so many bytes just enough to tell. Raises Stopped where it cannot be read.
    """
    try:
        line = rest = source.readline(bytes_max + 1)
        while len(rest) > bytes_max and not rest.endswith(b"\n"):
            rest = source.readline(bytes_max + 1)
    except DAMAGED as error:
        raise Stopped(f"{file} is damaged after line {number}. Import it again whole.") from error
    return line


def position(raw: io.BufferedReader) -> int:
    """Bytes read of a file; a pipe does not tell."""
    return raw.tell() if raw.seekable() else 0


class Rejects:
    """The lines left out of a file, as CSV: who reads it while the import runs sees all that there are so far.

    Raises Stopped where it cannot be written.
    """

    def __init__(self, file: Path, written: TextIO) -> None:
        self._file = file
        self._written = written
        self._writer = csv.writer(written)

    def begin(self, *columns: str) -> None:
        """Name what follows the number and the reason."""
        self._write("line", "reason", *columns)

    def leave_out(self, number: int, reason: str, *said: str) -> None:
        """said: what there was on the line, in the columns it began with."""
        self._write(number, reason, *said)

    def _write(self, *row: object) -> None:
        try:
            self._writer.writerow(row)
            self._written.flush()
        except OSError as error:
            raise _unwritten(self._file, error) from error


def as_text(line: bytes) -> str:
    """A line that is left out, without its end; what is no UTF-8 in it is written again as it came."""
    return line.decode(errors="surrogateescape").rstrip("\r\n")


@contextmanager
def rejects_of(file: Path, rejects: Path) -> Iterator[Rejects]:
    """Where the lines left out of a file go. Raises Stopped where `rejects` cannot be written."""
    try:
        if rejects.exists() and rejects.samefile(file):
            raise Stopped(f"{rejects} is what is imported. Name another with --rejects FILE.")
        written = rejects.open("w", encoding="utf-8", errors="surrogateescape", newline="")
    except OSError as error:
        raise _unwritten(rejects, error) from error
    try:
        yield Rejects(rejects, written)
    finally:
        with suppress(OSError):  # What could not be written was said already.
            written.close()


def _unwritten(file: Path, error: OSError) -> Stopped:
    return Stopped(f"{file} cannot be written: {error.strerror}. Name another with --rejects FILE.")


def beside(file: Path) -> Path:
    """Where the lines left out of a file are written, where nobody says: `sales.csv.gz` has `sales.rejects.csv`."""
    name = file.name
    for ending in _ENDINGS:
        name = name.removesuffix(ending)
    return file.with_name(f"{name}.rejects.csv")
