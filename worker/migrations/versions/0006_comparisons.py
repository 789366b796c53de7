"""when campaigns are compared with the do-not-call list, and chunks that could not be; inboxes that wait"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("gate", schema=None) as batch_op:
        batch_op.add_column(sa.Column("compare_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True))
        batch_op.add_column(sa.Column("compare_message", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("hear_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True))
    with op.batch_alter_table("chunk", schema=None) as batch_op:
        batch_op.add_column(sa.Column("uncompared_since", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True))
    op.execute("UPDATE gate SET compare_at = listed_since")  # what waits to be compared goes on waiting


def downgrade() -> None:
    with op.batch_alter_table("chunk", recreate="never") as batch_op:
        batch_op.drop_column("uncompared_since")
    with op.batch_alter_table("gate", schema=None) as batch_op:
        batch_op.drop_column("hear_at")
        batch_op.drop_column("compare_message")
        batch_op.drop_column("compare_at")
