"""Anything by its id."""

import strawberry

from resolvers import nodes
from schema.common import Info, Node
from schema.shapes import asked, shown


@strawberry.type
class NodeQueries:
    @asked()
    async def node(self, info: Info, id: strawberry.ID) -> Node | None:
        return shown(await nodes.node(info.context, id))

    @asked()
    async def nodes(self, info: Info, ids: list[strawberry.ID]) -> list[Node | None]:
        return shown(await nodes.nodes(info.context, ids))
