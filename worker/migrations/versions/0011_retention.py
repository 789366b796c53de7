"""what a restored backup puts in question, what was pruned, and who is forgotten"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("upload", recreate="never") as batch_op:
        batch_op.add_column(sa.Column("restored_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True))
        batch_op.add_column(sa.Column("pruned_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True))
        batch_op.add_column(sa.Column("outcomes_kept", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("source_gone", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    with op.batch_alter_table("chunk", recreate="never") as batch_op:
        batch_op.add_column(sa.Column("in_question", sa.Boolean(), server_default=sa.text("false"), nullable=False))
        batch_op.create_index(
            "ix_chunk_in_question",
            ["list_id", "seq"],
            sqlite_where=sa.text("in_question = 1"),
            postgresql_where=sa.text("in_question"),
        )
    op.create_table(
        "forgotten",
        sa.Column("mark", sqlmodel.sql.sqltypes.AutoString(length=32), nullable=False),
        sa.Column("key_mark", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("who", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("asked_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("erased_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.CheckConstraint("(number IS NULL) = (erased_at IS NOT NULL)", name=op.f("ck_forgotten_erased_has_none")),
        sa.PrimaryKeyConstraint("mark", name=op.f("pk_forgotten")),
    )


def downgrade() -> None:
    op.drop_table("forgotten")
    with op.batch_alter_table("chunk", recreate="never") as batch_op:
        batch_op.drop_index("ix_chunk_in_question")
        batch_op.drop_column("in_question")
    with op.batch_alter_table("upload", recreate="never") as batch_op:
        for name in ("source_gone", "outcomes_kept", "pruned_at", "restored_at"):
            batch_op.drop_column(name)
