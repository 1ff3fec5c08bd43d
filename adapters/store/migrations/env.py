"""What Alembic runs. Owns: the wiring of a migration. Imports: alembic. Effects: migrates the connection it is given."""

from __future__ import annotations

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, transactional_ddl=True)
with connection.begin():
    context.run_migrations()
