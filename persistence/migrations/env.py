"""How Alembic sees the tables; it runs on the connection that `persistence.database` hands it."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from persistence import tables
from persistence.tables import columns

OURS = {"Json": columns.Json, "BigId": columns.BigId, "Key": columns.Key}


def written_as(kind: str, value: Any, autogen: AutogenContext) -> str | Literal[False]:
    """Our own kinds of column stand in migrations by name."""
    if kind != "type":
        return False
    name = next((name for name, ours in OURS.items() if value is ours), None)
    if name is None and isinstance(value, columns.UtcDateTime):
        name = "UtcDateTime()"
    if name is not None:
        autogen.imports.add("from persistence.tables import columns")
        return f"columns.{name}"
    return "sa.String()" if type(value).__name__ == "AutoString" else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.metadata,
    render_as_batch=True,
    render_item=written_as,
    compare_type=True,
)

with context.begin_transaction():
    context.run_migrations()
