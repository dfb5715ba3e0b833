"""What processes remember of the catalog and of locations has a generation, which every write to them ends"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# All that persistence/availability.py remembers rows of.
REMEMBERED = ("channels", "products", "variants", "kit_components", "prices", "stock_locations")

# A number that nobody had before, rather than the next one: a database put back to what it was is not taken for what
# it became. Written as the transaction commits, so that writers wait for each other no longer than a commit takes; and
# once in each, however many rows it wrote.
POSTGRESQL = (
    """
    CREATE FUNCTION end_catalog_generation() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF current_setting('orderloom.generation_ended', true) IS DISTINCT FROM CAST(txid_current() AS text) THEN
            UPDATE catalog_generation SET number = CAST(random() * 9007199254740992 AS bigint);
            PERFORM set_config('orderloom.generation_ended', CAST(txid_current() AS text), true);
        END IF;
        RETURN NULL;
    END $$
    """,
    *(
        f"CREATE CONSTRAINT TRIGGER {table}_end_generation AFTER INSERT OR UPDATE OR DELETE ON {table}"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION end_catalog_generation()"
        for table in REMEMBERED
    ),
    *(
        f"CREATE TRIGGER {table}_emptied_end_generation AFTER TRUNCATE ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION end_catalog_generation()"
        for table in REMEMBERED
    ),
)
ANOTHER = "UPDATE catalog_generation SET number = random()"
SQLITE = tuple(
    f"CREATE TRIGGER {table}_{change}_end_generation AFTER {change} ON {table} BEGIN {ANOTHER}; END"
    for table in REMEMBERED
    for change in ("insert", "update", "delete")
)


def upgrade() -> None:
    generation = op.create_table(
        "catalog_generation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_catalog_generation")),
    )
    op.bulk_insert(generation, [{"id": 1, "number": 0}])
    for statement in SQLITE if op.get_bind().dialect.name == "sqlite" else POSTGRESQL:
        op.execute(statement)


def downgrade() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for table in REMEMBERED:
        if is_sqlite:
            for change in ("insert", "update", "delete"):
                op.execute(f"DROP TRIGGER {table}_{change}_end_generation")
        else:
            op.execute(f"DROP TRIGGER {table}_end_generation ON {table}")
            op.execute(f"DROP TRIGGER {table}_emptied_end_generation ON {table}")
    if not is_sqlite:
        op.execute("DROP FUNCTION end_catalog_generation()")
    op.drop_table("catalog_generation")
