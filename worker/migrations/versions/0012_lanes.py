"""lists that are filled at the same time"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("call_list", recreate="never") as batch_op:
        batch_op.add_column(sa.Column("lane", sa.Integer(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(sa.Column("lanes", sa.Integer(), server_default=sa.text("1"), nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("call_list", recreate="never") as batch_op:
        batch_op.drop_column("lanes")
        batch_op.drop_column("lane")
