"""contacts that are withdrawn, lists that are changed while they dial or were made elsewhere"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

WANTED = sa.text("state = 'wanted'")


def upgrade() -> None:
    op.create_table(
        "withdrawal",
        sa.Column("upload_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("row", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("chunk_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("who", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("asked_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("since", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("again_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("ended_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.CheckConstraint("state IN ('wanted', 'unsent', 'taken_back', 'too_late')", name=op.f("ck_withdrawal_state")),
        sa.PrimaryKeyConstraint("upload_id", "row", name=op.f("pk_withdrawal")),
    )
    with op.batch_alter_table("withdrawal", schema=None) as batch_op:
        batch_op.create_index(
            "ix_withdrawal_wanted", ["chunk_id"], unique=False, sqlite_where=WANTED, postgresql_where=WANTED
        )
    with op.batch_alter_table("call_list", schema=None) as batch_op:
        batch_op.add_column(sa.Column("adopted_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True))
        batch_op.add_column(sa.Column("changes", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("changes_refused", sa.Text(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("call_list", recreate="never") as batch_op:  # chunks point at its rows
        batch_op.drop_column("changes_refused")
        batch_op.drop_column("changes")
        batch_op.drop_column("adopted_at")
    with op.batch_alter_table("withdrawal", schema=None) as batch_op:
        batch_op.drop_index("ix_withdrawal_wanted", sqlite_where=WANTED, postgresql_where=WANTED)
    op.drop_table("withdrawal")
