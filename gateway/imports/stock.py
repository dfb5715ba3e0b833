"""`orderloom import stock`: a file is read, brought into the levels batch by batch, and accounted for line by line."""

import codecs
import csv
import io
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from stat import S_ISREG

import orjson
import typer

from domain.errors import Refused
from domain.inventory.importing import (
    COLUMNS,
    Rejected,
    StockLine,
    StockTerms,
    check_terms,
    misaligned,
    read_line,
    take_in_stock,
    zero_unlisted,
)
from domain.inventory.model import StockFeedMode
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
from persistence.listed import Listed
from persistence.unit_of_work import SqlWorld

# One transaction's worth: some tenths of a second, for which others wait who want the same levels.
BATCH_LINES = 5_000
# A SKU, a location, a quantity and a bin have some 250; more columns may stand beside them.
LINE_BYTES_MAX = 10_000

Read = tuple[int, bytes, StockLine | Rejected]


async def import_stock(
    settings: Settings,
    file: Path,
    *,
    mode: str = StockFeedMode.SNAPSHOT.value,
    locations: Sequence[str] = (),
    as_of: datetime | None = None,
    includes_allocated: bool = False,
    rejects: Path | None = None,
) -> int:
    """Bring levels in line with a file and say what became of every line; answers the exit code.

    mode: a StockFeedMode. locations: codes; none is those of the file. as_of: None is when the file was last written.
    rejects: the file of lines left out; None is beside the input.
    """
    process = await wire(settings, is_alone=True)
    try:
        with ExitStack() as stack:
            lines = _Lines(file, stack.enter_context(opened(file)))
            terms = StockTerms(
                mode=StockFeedMode(mode),
                as_of=as_of or lines.written_at,
                includes_allocated=includes_allocated,
                locations=frozenset(locations),
            )
            left_out = rejects or beside(file)
            importing = _Import(
                process.world,
                lines,
                stack.enter_context(rejects_of(file, left_out)),
                terms,
                stack.enter_context(closing(Listed())),
            )
            took_s = await importing.run(f"Taking in {file.name}")
        typer.echo(_said(importing, took_s, left_out))
    except (Stopped, Refused) as stopped:
        typer.echo(str(stopped), err=True)
        return FAILED
    finally:
        await process.close()
    return SOME_REJECTED if importing.rejected or importing.not_zeroed else DONE


# ── The file ──


class _Lines:
    """The lines of a file, CSV or JSON, each understood or refused. Raises Stopped where it cannot be read.

    is_cut_off: once it is read, whether it ends in the middle of a line.
    """

    def __init__(self, file: Path, raw: io.BufferedReader) -> None:
        self._found = file.stat()
        self.size = self._found.st_size
        self.is_cut_off = False
        self._file = file
        self._raw = raw
        self._source = unpacked(raw)
        self._number = 0
        first = self._next().removeprefix(codecs.BOM_UTF8)
        self._is_json = first.lstrip().startswith(b"{")
        self._first = first if self._is_json else b""
        self._header = [] if self._is_json else self._columns(first)
        self._places = [self._header.index(name) for name in (*COLUMNS, "bin") if name in self._header]

    @property
    def written_at(self) -> datetime:
        """Raises Stopped for a pipe, which was not written at any one moment."""
        if not S_ISREG(self._found.st_mode):
            raise Stopped(f"{self._file} does not say when it was written. Name the moment it tells of with --as-of.")
        return datetime.fromtimestamp(self._found.st_mtime, UTC)

    @property
    def position(self) -> int:
        """Bytes read of `size`."""
        return position(self._raw)

    def __iter__(self) -> Iterator[Read]:
        """Numbers, lines as they are, and what they say; of a line that is too long only its beginning."""
        understood = self._of_json if self._is_json else self._of_cells
        line = self._first or self._next()
        while line:
            if line.strip():
                said = self._understood(line, understood)
                is_in_part = isinstance(said, Rejected) and (said.named is None or said.is_in_part)
                self.is_cut_off = is_in_part and not line.endswith(b"\n")
                yield self._number, line, said
            line = self._next()

    def _understood(self, line: bytes, understood: Callable[[str], StockLine | Rejected]) -> StockLine | Rejected:
        if len(line) > LINE_BYTES_MAX:
            return Rejected(self._number, f"It is longer than {LINE_BYTES_MAX} bytes.", None)
        try:
            return understood(line.decode())
        except UnicodeDecodeError:
            return Rejected(self._number, "It is not UTF-8.", None)

    def _of_json(self, text: str) -> StockLine | Rejected:
        try:
            said = orjson.loads(text)
        except orjson.JSONDecodeError:
            said = None
        if not isinstance(said, dict):
            return Rejected(self._number, "It is no JSON object.", None)
        return read_line(self._number, said.get("sku"), said.get("location"), said.get("quantity"), said.get("bin"))

    def _of_cells(self, text: str) -> StockLine | Rejected:
        try:
            cells = _cells(text)
        except csv.Error:
            return Rejected(self._number, "Its columns cannot be told apart: a quote that opens must close.", None)
        if len(cells) != len(self._header):
            return misaligned(self._number, cells, self._header)
        told = [cells[place] for place in self._places]
        return read_line(self._number, told[0], told[1], told[2], told[3] if len(told) > 3 else None)

    def _columns(self, line: bytes) -> list[str]:
        try:
            header = [name.strip() for name in _cells(line.decode())]
        except (UnicodeDecodeError, csv.Error):
            header = []
        if missing := [name for name in COLUMNS if name not in header]:
            raise Stopped(
                f"{self._file} lacks the columns {', '.join(missing)}. The first line of a CSV file must name at least "
                f"{', '.join(COLUMNS)}; or each line is a JSON object of them."
            )
        if repeated := [name for name in (*COLUMNS, "bin") if header.count(name) > 1]:
            raise Stopped(f"{self._file} has the columns {', '.join(repeated)} more than once.")
        return header

    def _next(self) -> bytes:
        """The next line, with its end; of one that is too long just enough to tell. Empty at the end of the file."""
        self._number += 1
        return line_after(self._number - 1, self._file, self._source, LINE_BYTES_MAX)


def _cells(text: str) -> list[str]:
    """The cells of one line, as no cell here goes over several."""
    line = text.rstrip("\r\n")
    return next(csv.reader((line,), strict=True)) if '"' in line else line.split(",")


# ── The import ──


class _Import:
    """One run over a file: every line read is taken or rejected.

    changed, zeroed: levels. not_zeroed: why a snapshot's rest was left as it was, a sentence for each place.
    """

    def __init__(self, world: SqlWorld, lines: _Lines, rejects: Rejects, terms: StockTerms, listed: Listed) -> None:
        self.taken = 0
        self.rejected = 0
        self.changed = 0
        self.zeroed = 0
        self.not_zeroed: list[str] = []
        self.terms = terms
        self._world = world
        self._lines = lines
        self._rejects = rejects
        self._listed = listed
        # Places with a line that was taken: those that a snapshot is the whole truth of.
        self._places: set[str] = set()
        # The first line that may tell of any level at all; 0 is none.
        self._unknown = 0

    async def run(self, label: str) -> float:
        """Take in everything; answers how many seconds it took."""
        started = time.perf_counter()
        async with self._world.work() as work:
            await check_terms(work, self.terms)
        self._rejects.begin("said")
        with typer.progressbar(length=self._lines.size, label=label) as bar:
            lines = iter(self._lines)
            while batch := list(islice(lines, BATCH_LINES)):
                await self._take_in(batch)
                bar.update(self._lines.position - bar.pos)
        if self.terms.mode is StockFeedMode.SNAPSHOT:
            await self._zero_unlisted()
        return time.perf_counter() - started

    async def _take_in(self, batch: Sequence[Read]) -> None:
        rejected = [said for _, _, said in batch if isinstance(said, Rejected)]
        lines = []
        for said in (said for _, _, said in batch if isinstance(said, StockLine)):
            earlier = self._listed.take(said.key, said.number)
            if earlier == said.number:
                lines.append(said)
            else:
                reason = f"Line {earlier} tells of this SKU at this location already."
                rejected.append(Rejected(said.number, reason, [said.key]))
        async with self._world.work() as work:
            taken = await take_in_stock(work, lines, self.terms)
        self.taken += len(taken.lines)
        self.changed += taken.moved
        self._places.update(location for _, location in (line.key for line in taken.lines))
        self._write_rejects([*rejected, *taken.rejected], batch)

    def _write_rejects(self, rejected: Sequence[Rejected], batch: Sequence[Read]) -> None:
        if not rejected:
            return
        as_they_came = {number: line for number, line, _ in batch}
        for each in sorted(rejected, key=lambda each: each.number):
            for key in each.named or ():
                self._listed.mention(key)
            if each.named is None:
                self._unknown = self._unknown or each.number
            self._rejects.leave_out(each.number, each.reason, as_text(as_they_came[each.number]))
        self.rejected += len(rejected)

    async def _zero_unlisted(self) -> None:
        if reason := self._untrusted():
            self.not_zeroed.append(f"{reason}, so nothing was zeroed. Mend the file and import it again.")
            return
        places = sorted(self.terms.locations or self._places)
        with typer.progressbar(places, label="Zeroing what is not listed") as bar:
            for place in bar:
                try:
                    await self._zero_unlisted_at(place)
                except Refused as refused:
                    self.not_zeroed.append(f"Nothing was zeroed at {place} any more. {refused}")

    def _untrusted(self) -> str:
        """Why the file cannot be the whole truth of any place; empty where it can."""
        if self._lines.is_cut_off:
            return "The file ends in the middle of a line"
        if self._unknown:
            return f"Line {self._unknown} may tell of any SKU"
        return "" if self.taken else "No line was taken"

    async def _zero_unlisted_at(self, place: str) -> None:
        after = ""
        while skus := await self._world.reads.inventory.skus_on_hand(place, after, BATCH_LINES):
            after = skus[-1]
            if unlisted := self._listed.unlisted(place, skus):
                async with self._world.work() as work:
                    self.zeroed += await zero_unlisted(work, place, unlisted, self.terms)


def _said(importing: _Import, took_s: float, rejects: Path) -> str:
    read = importing.taken + importing.rejected
    changed = f"{importing.changed:,} levels changed, {importing.zeroed:,} zeroed that are not listed"
    return "\n".join(
        [
            f"{read:,} lines read: {importing.taken:,} taken, {importing.rejected:,} rejected (see {rejects}).",
            f"As of {importing.terms.as_of:%Y-%m-%dT%H:%M:%SZ}: {changed}.",
            *importing.not_zeroed,
            f"{took_s:.1f} s: {read / took_s:,.0f} lines/s.",
        ]
    )
