"""Alembic's entry: always on the connection that `worker.migrate` hands over, inside its transaction."""

from alembic import context
from sqlmodel import SQLModel

from worker import models

assert models.Upload.metadata is SQLModel.metadata
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
