"""Connections: a slice of a list as Relay clients read it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from strawberry import Parent

from domain.paging import Edge, Slice


@dataclass(frozen=True, slots=True)
class PageInfo:
    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@dataclass(frozen=True, slots=True)
class Connection:
    """A slice, read as `edges`, `nodes`, `pageInfo` and, counted only when asked, `totalCount`."""

    slice: Slice[Any]

    @property
    def edges(self) -> Sequence[Edge[Any]]:
        return self.slice.edges

    @property
    def nodes(self) -> list[Any]:
        return [edge.node for edge in self.slice.edges]

    @property
    def page_info(self) -> PageInfo:
        edges = self.slice.edges
        return PageInfo(
            self.slice.has_next,
            self.slice.has_previous,
            edges[0].cursor if edges else None,
            edges[-1].cursor if edges else None,
        )


async def total_count(connection: Parent[Connection]) -> int | None:
    return await connection.slice.count() if connection.slice.count else None
