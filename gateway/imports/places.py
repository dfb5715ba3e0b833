"""`orderloom import places`: a file of postal codes is read, kept batch by batch, and accounted for line by line."""

import io
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import typer

from domain.places import PostalCode, read_postal_code
from gateway.imports.files import (
    DONE,
    FAILED,
    SOME_REJECTED,
    Rejects,
    Stopped,
    as_text,
    beside,
    line_after,
    opened,
    position,
    rejects_of,
    unpacked,
)
from gateway.settings import Settings
from gateway.wiring import wire
from persistence.unit_of_work import SqlWorld

BATCH_LINES = 5_000  # One transaction's worth: a tenth of a second.
LINE_BYTES_MAX = 10_000  # Names of a place and its regions, in UTF-8: some 200 bytes in GeoNames' own files.
_ZIP = b"PK\x03\x04"

Read = tuple[int, bytes, PostalCode | str]


async def import_places(settings: Settings, file: Path, *, rejects: Path | None = None) -> int:
    """Learn where the postal codes of a file are, in place of all that was known of its countries.

    Says what became of every line; answers the exit code. rejects: the file of lines left out; None is beside it.
    """
    process = await wire(settings, is_alone=True)
    try:
        with ExitStack() as stack:
            lines = _Lines(file, stack.enter_context(opened(file)))
            left_out = rejects or beside(file)
            importing = _Import(process.world, lines, stack.enter_context(rejects_of(file, left_out)))
            took_s = await importing.run(f"Taking in {file.name}")
        typer.echo(_said(importing, took_s, left_out))
    except Stopped as stopped:
        typer.echo(str(stopped), err=True)
        return FAILED
    finally:
        await process.close()
    return SOME_REJECTED if importing.rejected or not importing.is_whole else DONE


class _Lines:
    """The lines of a file, each understood or refused. Raises Stopped where it cannot be read.

    is_cut_off: once it is read, whether it ends in the middle of a line.
    """

    def __init__(self, file: Path, raw: io.BufferedReader) -> None:
        if raw.peek(len(_ZIP)).startswith(_ZIP):
            raise Stopped(f"{file} is a zip archive. Take the file of places out of it: unzip {file.name}")
        self.size = file.stat().st_size
        self.is_cut_off = False
        self._file = file
        self._raw = raw
        self._source = unpacked(raw)

    @property
    def position(self) -> int:
        """Bytes read of `size`."""
        return position(self._raw)

    def __iter__(self) -> Iterator[Read]:
        """Numbers, lines as they are, and what they say; of a line that is too long only its beginning."""
        number = 0
        while line := line_after(number, self._file, self._source, LINE_BYTES_MAX):
            number += 1
            if line.strip():
                said = _understood(line)
                self.is_cut_off = isinstance(said, str) and not line.endswith(b"\n") and len(line) <= LINE_BYTES_MAX
                yield number, line, said


def _understood(line: bytes) -> PostalCode | str:
    if len(line) > LINE_BYTES_MAX:
        return f"It is longer than {LINE_BYTES_MAX} bytes."
    try:
        return read_postal_code(line.decode().rstrip("\r\n"))
    except UnicodeDecodeError:
        return "It is not UTF-8."


class _Import:
    """One run over a file: an edition of its countries' codes, in whose place no other is left at the end.

    dropped: codes of its countries that it does not list. is_whole: whether they could be dropped.
    """

    def __init__(self, world: SqlWorld, lines: _Lines, rejects: Rejects) -> None:
        self.taken = 0
        self.rejected = 0
        self.dropped = 0
        self.is_whole = True
        self.countries: set[str] = set()
        self._world = world
        self._lines = lines
        self._rejects = rejects
        self._edition = world.ids.new("edn")

    async def run(self, label: str) -> float:
        """Take in everything; answers how many seconds it took."""
        started = time.perf_counter()
        self._rejects.begin("said")
        with typer.progressbar(length=self._lines.size, label=label) as bar:
            lines = iter(self._lines)
            while batch := list(islice(lines, BATCH_LINES)):
                await self._take_in(batch)
                bar.update(self._lines.position - bar.pos)
        self.is_whole = self.taken > 0 and not self._lines.is_cut_off
        if self.is_whole:
            async with self._world.work() as work:
                self.dropped = await work.places.drop_other_editions(sorted(self.countries), self._edition)
        return time.perf_counter() - started

    async def _take_in(self, batch: Sequence[Read]) -> None:
        codes = [said for _, _, said in batch if isinstance(said, PostalCode)]
        async with self._world.work() as work:
            await work.places.keep_postal_codes(codes, self._edition)
        self.taken += len(codes)
        self.countries.update(code.country for code in codes)
        for number, line, said in batch:
            if isinstance(said, str):
                self._rejects.leave_out(number, said, as_text(line))
                self.rejected += 1


def _said(importing: _Import, took_s: float, rejects: Path) -> str:
    read = importing.taken + importing.rejected
    countries = " ".join(sorted(importing.countries)) or "none"
    dropped = f"{importing.dropped:,} codes dropped that are no longer listed."
    if not importing.is_whole:
        dropped = "The file ends in the middle of a line, or says nothing: no code was dropped. Import it again whole."
    return "\n".join(
        [
            f"{read:,} lines read: {importing.taken:,} taken, {importing.rejected:,} rejected (see {rejects}).",
            f"Countries: {countries}. {dropped}",
            f"{took_s:.1f} s: {read / took_s:,.0f} lines/s.",
        ]
    )
