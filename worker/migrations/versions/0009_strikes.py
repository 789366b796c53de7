"""providers that fail are left alone by all workers"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("gate", schema=None) as batch_op:
        batch_op.add_column(sa.Column("strikes", sa.Integer(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(sa.Column("trial_token", sqlmodel.sql.sqltypes.AutoString(length=26), nullable=True))
        batch_op.add_column(sa.Column("trial_until", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("gate", schema=None) as batch_op:
        batch_op.drop_column("trial_until")
        batch_op.drop_column("trial_token")
        batch_op.drop_column("strikes")
