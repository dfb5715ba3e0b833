"""Availability views, the view each channel sells through, and what placed orders wait for"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from persistence.migrations.generation import ends_generation, leaves_generation
from persistence.tables import columns

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# What persistence/availability.py remembers besides: views, and which categories a product is in and under.
REMEMBERED = ("availability_views", "availability_view_revisions", "categories", "product_categories")

# What was waited for before it was written down by SKU: of a kit, what it is made up of.
WAITED_FOR = """
    INSERT INTO backorders (line_id, sku, order_id, per_unit, quantity)
    SELECT line.id, COALESCE(part.sku, line.sku), line.order_id, COALESCE(part.quantity, 1),
           line.backordered * COALESCE(part.quantity, 1)
    FROM order_lines AS line LEFT JOIN kit_components AS part ON part.kit_sku = line.sku
    WHERE line.backordered > 0
"""


def upgrade() -> None:
    views = op.create_table(
        "availability_views",
        sa.Column("code", columns.Key, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_availability_views")),
    )
    revisions = op.create_table(
        "availability_view_revisions",
        sa.Column("view_code", columns.Key, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("rules", columns.Json, nullable=False),
        sa.Column("changed_by", sa.String(), nullable=False),
        sa.Column("changed_at", columns.UtcDateTime(), nullable=False),
        sa.Column("effective_from", columns.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["view_code"], ["availability_views.code"], name=op.f("fk_availability_view_revisions_view_code")
        ),
        sa.PrimaryKeyConstraint("view_code", "version", name=op.f("pk_availability_view_revisions")),
    )
    op.create_index(
        op.f("ix_availability_view_revisions_view_code_effective_from_version"),
        "availability_view_revisions",
        ["view_code", "effective_from", "version"],
    )
    op.create_table(
        "backorders",
        sa.Column("line_id", columns.Key, nullable=False),
        sa.Column("sku", columns.Key, nullable=False),
        sa.Column("order_id", columns.Key, nullable=False),
        sa.Column("per_unit", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.CheckConstraint("quantity > 0 AND per_unit > 0", name=op.f("ck_backorders_quantity")),
        sa.ForeignKeyConstraint(["line_id"], ["order_lines.id"], name=op.f("fk_backorders_line_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_backorders_order_id")),
        sa.ForeignKeyConstraint(["sku"], ["variants.sku"], name=op.f("fk_backorders_sku")),
        sa.PrimaryKeyConstraint("line_id", "sku", name=op.f("pk_backorders")),
    )
    op.create_index(op.f("ix_backorders_order_id"), "backorders", ["order_id"])
    op.create_index(op.f("ix_backorders_sku"), "backorders", ["sku"])
    op.add_column("channels", sa.Column("availability_view", columns.Key, nullable=False, server_default="on-hand"))
    op.add_column("channels", sa.Column("shows_quantities", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.execute(WAITED_FOR)

    beginning = datetime(2020, 1, 1, tzinfo=UTC)
    op.bulk_insert(views, [{"code": "on-hand", "version": 1}])
    op.bulk_insert(
        revisions,
        [
            {
                "view_code": "on-hand",
                "version": 1,
                "name": "All that is on hand",
                "status": "ACTIVE",
                "rules": {},
                "changed_by": "system",
                "changed_at": beginning,
                "effective_from": beginning,
            }
        ],
    )
    for table in REMEMBERED:
        ends_generation(table)


def downgrade() -> None:
    for table in REMEMBERED:
        leaves_generation(table)
    op.drop_column("channels", "shows_quantities")
    op.drop_column("channels", "availability_view")
    op.drop_table("backorders")
    op.drop_table("availability_view_revisions")
    op.drop_table("availability_views")
