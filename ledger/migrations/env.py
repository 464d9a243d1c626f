"""Run migrations over the connection that `ledger.migrate` hands in."""

from alembic import context

from ledger.tables import SCHEMA, metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    version_table_schema=SCHEMA,
    include_schemas=True,
    include_name=lambda name, kind, _parents: name == SCHEMA if kind == "schema" else True,
    compare_server_default=False,  # PostgreSQL writes defaults back in its own words
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
