"""Where postal codes are, and the public holidays on which a location is closed"""

import sqlalchemy as sa
from alembic import op

from persistence.tables import columns

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "postal_codes",
        sa.Column("country", columns.Key, nullable=False),
        sa.Column("code", columns.Key, nullable=False),
        sa.Column("latitude", sa.Float(), nullable=False),
        sa.Column("longitude", sa.Float(), nullable=False),
        sa.Column("places", sa.Integer(), nullable=False),
        sa.Column("edition", columns.Key, nullable=False),
        sa.PrimaryKeyConstraint("country", "code", name=op.f("pk_postal_codes")),
    )
    op.add_column("stock_locations", sa.Column("holidays", sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column("stock_locations", "holidays")
    op.drop_table("postal_codes")
