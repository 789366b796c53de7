"""contacts that are called before the others, and an upload that waits for a look at them"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BEFORE = "blocked IS NULL OR blocked IN ('balance', 'credential', 'provider_down', 'late', 'rejects')"
SINCE = "blocked IS NULL OR blocked IN ('balance', 'credential', 'provider_down', 'late', 'rejects', 'pilot')"


def upgrade() -> None:
    _allow(BEFORE, SINCE)
    with op.batch_alter_table("chunk", recreate="never") as batch_op:  # withdrawals and journal speak of its rows
        batch_op.add_column(sa.Column("pilot", sa.Boolean(), server_default=sa.text("false"), nullable=False))


def downgrade() -> None:
    # An older version knows one question of the kind: it sends the rest when the rejects are accepted.
    waits = "SELECT 1 FROM chunk WHERE upload_id = upload.id AND state = 'staged'"
    op.execute(
        "UPDATE upload SET state = 'blocked', blocked = 'rejects' "
        f"WHERE blocked = 'pilot' OR (state IN ('submitting', 'dialing') AND EXISTS ({waits}))"
    )
    with op.batch_alter_table("chunk", recreate="never") as batch_op:
        batch_op.drop_column("pilot")
    _allow(SINCE, BEFORE)


def _allow(before: str, since: str) -> None:
    """Put one condition on `blocked` in the place of another. Rows point at the rows of `upload`, so SQLite, which
    would make the table anew, is told in the way that its documents have for this (lang_altertable.html)."""
    if op.get_bind().dialect.name != "sqlite":
        for table in ("upload", "gate"):
            op.drop_constraint(op.f(f"ck_{table}_blocked"), table, type_="check")
            op.create_check_constraint(op.f(f"ck_{table}_blocked"), table, sa.text(since))
        return
    version = op.get_bind().exec_driver_sql("PRAGMA schema_version").scalar_one()
    op.get_bind().exec_driver_sql("PRAGMA writable_schema = ON")
    op.get_bind().exec_driver_sql(
        "UPDATE sqlite_master SET sql = replace(sql, ?, ?) WHERE type = 'table' AND name IN ('upload', 'gate')",
        (before, since),
    )
    op.get_bind().exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    op.get_bind().exec_driver_sql("PRAGMA writable_schema = RESET")
