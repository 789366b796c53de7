"""what callbacks tell, what dials a list, what could not be sent"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "callback",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("account", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("external_id", sqlmodel.sql.sqltypes.AutoString(length=255), nullable=False),
        sa.Column("upload_ulid", sqlmodel.sql.sqltypes.AutoString(length=26), nullable=True),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("received_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("applied_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.CheckConstraint("state IN ('new', 'applied', 'ignored')", name=op.f("ck_callback_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_callback")),
        sa.UniqueConstraint("account", "external_id", name=op.f("uq_callback_account_external_id")),
    )
    with op.batch_alter_table("callback", schema=None) as batch_op:
        batch_op.create_index(
            "ix_callback_new",
            ["account", "id"],
            unique=False,
            sqlite_where=sa.text("state = 'new'"),
            postgresql_where=sa.text("state = 'new'"),
        )
    with op.batch_alter_table("call_list", schema=None) as batch_op:
        batch_op.add_column(sa.Column("campaign", sqlmodel.sql.sqltypes.AutoString(), nullable=True))
        batch_op.add_column(sa.Column("tallies", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("started_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True))
    op.execute("UPDATE call_list SET started_at = sent_at WHERE NOT held")
    with op.batch_alter_table("upload", schema=None) as batch_op:
        batch_op.add_column(sa.Column("unsent_columns", sa.JSON(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("upload", recreate="never") as batch_op:
        batch_op.drop_column("unsent_columns")
    with op.batch_alter_table("call_list", recreate="never") as batch_op:
        batch_op.drop_column("started_at")
        batch_op.drop_column("tallies")
        batch_op.drop_column("campaign")
    with op.batch_alter_table("callback", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_callback_new", sqlite_where=sa.text("state = 'new'"), postgresql_where=sa.text("state = 'new'")
        )
    op.drop_table("callback")
