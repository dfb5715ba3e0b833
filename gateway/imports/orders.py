"""`orderloom import orders`: a file is read, taken in batch by batch, and accounted for line by line."""

import csv
import io
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import typer
from babel import Locale

from domain.catalog.model import Channel
from domain.errors import Refused
from domain.orders.importing import COLUMNS, ImportedLine, Rejected, country_codes, grouped, read_line
from domain.orders.placing import TRIES_MAX
from domain.orders.ports import Overtaken
from domain.orders.taking_in import (
    Account,
    SalesRefused,
    StockFor,
    Terms,
    open_channel,
    take_in_cancellations,
    take_in_sales,
)
from gateway.imports.files import (
    DAMAGED,
    DONE,
    FAILED,
    Rejects,
    Stopped,
    beside,
    opened,
    position,
    rejects_of,
    unpacked,
)
from gateway.settings import Settings
from gateway.wiring import wire
from persistence.unit_of_work import SqlWorld

# One transaction's worth: a commit costs little beside it, others are not kept waiting, and memory stays flat.
BATCH_ORDERS_MAX = 50
BATCH_LINES_MAX = 1_500

Group = list[ImportedLine]


async def import_orders(
    settings: Settings,
    file: Path,
    *,
    channel: str | None = None,
    create_products: bool = False,
    stock: str = StockFor.CHECK.value,
    rejects: Path | None = None,
) -> int:
    """Take in the orders of a file and say what became of every line; answers the exit code.

    channel: code; None is one for the currency, made where there is none. stock: a StockFor. rejects: the file of lines
    left out; None is beside the input.
    """
    terms = Terms(channel=channel, create_products=create_products, stock=StockFor(stock))
    process = await wire(settings, is_alone=True)
    try:
        with ExitStack() as stack:
            lines = _Lines(file, stack.enter_context(opened(file)))
            left_out = rejects or beside(file)
            importing = _Import(process.world, lines, stack.enter_context(rejects_of(file, left_out)), terms)
            took_s = await importing.run(f"Taking in {file.name}")
        typer.echo(_said(importing, took_s, left_out))
    except (Stopped, Refused) as stopped:
        typer.echo(str(stopped), err=True)
        return FAILED
    finally:
        await process.close()
    return DONE


# ── The file ──


class _Lines:
    """The rows of a CSV file after its header, each with its line's number. Raises Stopped where it cannot be read."""

    def __init__(self, file: Path, raw: io.BufferedReader) -> None:
        self._file = file
        self._raw = raw
        # What is no UTF-8 is refused line by line, and goes to the rejects as it came.
        text = io.TextIOWrapper(unpacked(raw), encoding="utf-8-sig", errors="surrogateescape", newline="")
        self._reader = csv.reader(text)
        self.size = file.stat().st_size
        self.header = self._header()

    @property
    def position(self) -> int:
        """Bytes read of `size`; a pipe does not tell."""
        return position(self._raw)

    def __iter__(self) -> Iterator[tuple[int, list[str] | None]]:
        """Numbers and cells; None for cells that cannot be told apart."""
        while True:
            number = self._reader.line_num + 1
            try:
                cells = self._next()
            except csv.Error:
                yield number, None
                continue
            if cells is None:
                return
            if cells:
                yield number, cells

    def _header(self) -> list[str]:
        try:
            header = [name.strip() for name in self._next() or []]
        except csv.Error:
            header = []
        if missing := [name for name in COLUMNS if name not in header]:
            raise Stopped(
                f"{self._file} lacks the columns {', '.join(missing)}. "
                f"Its first line must name at least: {', '.join(COLUMNS)}."
            )
        return header

    def _next(self) -> list[str] | None:
        try:
            return next(self._reader, None)
        except DAMAGED as error:
            raise Stopped(
                f"{self._file} is damaged after line {self._reader.line_num}. Mend it and import it again."
            ) from error


# ── The import ──


class _Import:
    """One run over a file. `account` adds up to the lines read once it has run."""

    def __init__(self, world: SqlWorld, lines: _Lines, rejects: Rejects, terms: Terms) -> None:
        self.account = Account()
        self.read = 0
        self.rejected = 0
        self._world = world
        self._lines = lines
        self._rejects = rejects
        self._terms = terms
        self._countries = country_codes(Locale("en").territories)
        self._channels: dict[str, Channel] = {}
        # The cells of lines that nothing is known of yet, by number, for the rejects.
        self._cells: dict[int, list[str]] = {}

    async def run(self, label: str) -> float:
        """Take in everything; answers how many seconds it took."""
        started = time.perf_counter()
        self._rejects.begin(*self._lines.header)
        with typer.progressbar(length=self._lines.size, label=label) as bar:
            for batch in _batches(grouped(self._understood())):
                await self._open_channels(batch)
                await self._sales([[line for line in group if not line.is_cancellation] for group in batch])
                await self._cancellations([[line for line in group if line.is_cancellation] for group in batch])
                self._write_rejects()
                for line in (line for group in batch for line in group):
                    self._cells.pop(line.number, None)
                bar.update(self._lines.position - bar.pos)
        self._write_rejects()
        assert self.read == self.account.ordered + self.account.canceled + self.rejected, (
            "Every line is in one of them."
        )
        return time.perf_counter() - started

    def _understood(self) -> Iterator[ImportedLine]:
        header, now = self._lines.header, self._world.clock.now()
        for number, cells in self._lines:
            self.read += 1
            self._cells[number] = cells or []
            if cells is None or len(cells) != len(header):
                found = "cannot be told apart" if cells is None else f"are {len(cells)}"
                self.account.rejected.append(Rejected(number, f"Its columns {found}; the header has {len(header)}."))
                continue
            line = read_line(number, dict(zip(header, cells, strict=True)), self._countries, now)
            if isinstance(line, Rejected):
                self.account.rejected.append(line)
            else:
                yield line

    async def _open_channels(self, batch: Sequence[Group]) -> None:
        for currency in sorted({line.unit_price.currency for group in batch for line in group} - set(self._channels)):
            async with self._world.work() as work:
                self._channels[currency] = await open_channel(work, self._terms.channel_of(currency), currency)

    async def _sales(self, groups: list[Group]) -> None:
        tries = 0
        while groups := [group for group in groups if group]:
            try:
                async with self._world.work() as work:
                    account = await take_in_sales(work, groups, self._channels, self._terms)
            except SalesRefused as refused:
                self.account.rejected += refused.rejected
                out = {each.number for each in refused.rejected}
                groups = [[line for line in group if line.number not in out] for group in groups]
            except Overtaken:
                tries = _one_more(tries)
            else:
                self.account.add(account)
                return

    async def _cancellations(self, groups: list[Group]) -> None:
        tries = 0
        while groups := [group for group in groups if group]:
            try:
                async with self._world.work() as work:
                    account = await take_in_cancellations(work, groups, self._channels)
            except Overtaken:
                tries = _one_more(tries)
            else:
                self.account.add(account)
                return

    def _write_rejects(self) -> None:
        for each in sorted(self.account.rejected, key=lambda each: each.number):
            self._rejects.leave_out(each.number, each.reason, *self._cells.pop(each.number))
        self.rejected += len(self.account.rejected)
        self.account.rejected.clear()


def _batches(groups: Iterable[Group]) -> Iterator[list[Group]]:
    """Groups that are taken in together; no two of one reference."""
    batch: list[Group] = []
    references: set[str] = set()
    lines = 0
    for group in groups:
        is_full = len(batch) == BATCH_ORDERS_MAX or lines + len(group) > BATCH_LINES_MAX
        if batch and (is_full or group[0].reference in references):
            yield batch
            batch, references, lines = [], set(), 0
        batch.append(group)
        references.add(group[0].reference)
        lines += len(group)
    if batch:
        yield batch


def _one_more(tries: int) -> int:
    if tries + 1 == TRIES_MAX:
        raise Stopped("Others keep changing the same stock and orders. Import it again when it is quieter.")
    return tries + 1


def _said(importing: _Import, took_s: float, rejects: Path) -> str:
    account, read = importing.account, importing.read
    orders = account.placed + account.there
    lines = f"{account.ordered:,} ordered, {account.canceled:,} canceled, {importing.rejected:,} rejected"
    return "\n".join(
        [
            f"{read:,} lines read: {lines} (see {rejects}).",
            f"{orders:,} orders, of which {account.placed:,} are new; {account.units_canceled:,} units canceled.",
            f"{took_s:.1f} s: {orders / took_s:,.0f} orders/s, {read / took_s:,.0f} lines/s.",
        ]
    )
