"""who was in a chunk before some left it"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("chunk", schema=None) as batch_op:
        batch_op.add_column(sa.Column("whole_digest", sa.String(length=64), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("chunk", recreate="never") as batch_op:
        batch_op.drop_column("whole_digest")
