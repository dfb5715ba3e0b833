"""Quotes, and the stock they hold"""

import sqlalchemy as sa
from alembic import op

from persistence.tables import columns

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "quotes",
        sa.Column("id", columns.Key, nullable=False),
        sa.Column("channel_code", columns.Key, nullable=False),
        sa.Column("customer_id", columns.Key, nullable=True),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column("holder", sa.String(), nullable=True),
        sa.Column("language", sa.String(), nullable=True),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("lines", columns.Json, nullable=False),
        sa.Column("subtotal_minor", sa.BigInteger(), nullable=False),
        sa.Column("shipping_minor", sa.BigInteger(), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("shipping_method_code", columns.Key, nullable=True),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", columns.UtcDateTime(), nullable=False),
        sa.Column("expires_at", columns.UtcDateTime(), nullable=False),
        sa.Column("held_until", columns.UtcDateTime(), nullable=True),
        sa.Column("first_held_at", columns.UtcDateTime(), nullable=True),
        sa.Column("order_id", columns.Key, nullable=True),
        sa.CheckConstraint("total_minor = subtotal_minor + shipping_minor", name=op.f("ck_quotes_total")),
        sa.CheckConstraint(
            "held_until IS NULL OR (held_until = expires_at AND first_held_at IS NOT NULL)", name=op.f("ck_quotes_hold")
        ),
        sa.CheckConstraint("order_id IS NULL OR held_until IS NULL", name=op.f("ck_quotes_taken_up")),
        sa.ForeignKeyConstraint(["channel_code"], ["channels.code"], name=op.f("fk_quotes_channel_code")),
        sa.ForeignKeyConstraint(
            ["shipping_method_code"], ["shipping_methods.code"], name=op.f("fk_quotes_shipping_method_code")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_quotes_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quotes")),
        sa.UniqueConstraint("order_id", name=op.f("uq_quotes_order_id")),
    )
    op.create_index(op.f("ix_quotes_customer_id"), "quotes", ["customer_id"])
    op.create_index(op.f("ix_quotes_holder_held_until"), "quotes", ["holder", "held_until"])
    op.create_index(op.f("ix_quotes_expires_at"), "quotes", ["expires_at"])
    op.create_table(
        "stock_reservations",
        sa.Column("quote_id", columns.Key, nullable=False),
        sa.Column("sku", columns.Key, nullable=False),
        sa.Column("location_code", columns.Key, nullable=False),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.Column("expires_at", columns.UtcDateTime(), nullable=False),
        sa.CheckConstraint("units > 0", name=op.f("ck_stock_reservations_units")),
        sa.ForeignKeyConstraint(["quote_id"], ["quotes.id"], name=op.f("fk_stock_reservations_quote_id")),
        sa.ForeignKeyConstraint(
            ["sku", "location_code"],
            ["stock_levels.sku", "stock_levels.location_code"],
            name=op.f("fk_stock_reservations_sku"),
        ),
        sa.PrimaryKeyConstraint("quote_id", "sku", "location_code", name=op.f("pk_stock_reservations")),
    )
    op.create_index(op.f("ix_stock_reservations_sku_expires_at"), "stock_reservations", ["sku", "expires_at"])
    op.create_index(op.f("ix_stock_reservations_expires_at"), "stock_reservations", ["expires_at"])


def downgrade() -> None:
    op.drop_table("stock_reservations")
    op.drop_table("quotes")
