"""Tables whose writes end the generation of what processes remember (migration 0003)."""

from alembic import op

_CHANGES = ("insert", "update", "delete")


def ends_generation(table: str) -> None:
    """Another number after each transaction that wrote to a table, as migration 0003 has it for its own."""
    if op.get_bind().dialect.name == "sqlite":
        for change in _CHANGES:
            op.execute(
                f"CREATE TRIGGER {table}_{change}_end_generation AFTER {change} ON {table}"
                " BEGIN UPDATE catalog_generation SET number = random(); END"
            )
        return
    op.execute(
        f"CREATE CONSTRAINT TRIGGER {table}_end_generation AFTER INSERT OR UPDATE OR DELETE ON {table}"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION end_catalog_generation()"
    )
    op.execute(
        f"CREATE TRIGGER {table}_emptied_end_generation AFTER TRUNCATE ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION end_catalog_generation()"
    )


def leaves_generation(table: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        for change in _CHANGES:
            op.execute(f"DROP TRIGGER {table}_{change}_end_generation")
        return
    op.execute(f"DROP TRIGGER {table}_end_generation ON {table}")
    op.execute(f"DROP TRIGGER {table}_emptied_end_generation ON {table}")
