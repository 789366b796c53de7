"""uploads that continue another one, and how a file was written"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("upload", schema=None) as batch_op:
        batch_op.add_column(sa.Column("found", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("continues_id", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("first_row", sa.BigInteger(), nullable=True))
        batch_op.create_index("ix_upload_continues_id", ["continues_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("upload", recreate="never") as batch_op:  # lists and chunks point at its rows
        batch_op.drop_index("ix_upload_continues_id")
        batch_op.drop_column("first_row")
        batch_op.drop_column("continues_id")
        batch_op.drop_column("found")
