"""Supply has one name, feeds are remembered, and a location's levels are found without the others"""

import sqlalchemy as sa
from alembic import op

from persistence.tables import columns

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stock_feeds",
        sa.Column("location_code", columns.Key, nullable=False),
        sa.Column("as_of", columns.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["location_code"], ["stock_locations.code"], name=op.f("fk_stock_feeds_location_code")),
        sa.PrimaryKeyConstraint("location_code", name=op.f("pk_stock_feeds")),
    )
    op.create_index(
        op.f("ix_inbound_supply_reference_sku_destination_code"),
        "inbound_supply",
        ["reference", "sku", "destination_code"],
        unique=True,
    )
    op.create_index(op.f("ix_stock_levels_location_code_sku"), "stock_levels", ["location_code", "sku"])


def downgrade() -> None:
    op.drop_index(op.f("ix_stock_levels_location_code_sku"), "stock_levels")
    op.drop_index(op.f("ix_inbound_supply_reference_sku_destination_code"), "inbound_supply")
    op.drop_table("stock_feeds")
