"""Alembic's entry: runs the revisions on the connection that service/migrate.py, or a developer, hands over.

A new revision: change tables.py, migrate a scratch database to the head, then call
`lipwright.service.migrate.draft(engine, "What changes")`, read the file it wrote, and correct it.
"""

from alembic import context

from lipwright.service.migrate import configure

connection = context.config.attributes["connection"]
configure(context.configure, connection)
# The caller holds the transaction: nothing here commits.
context.run_migrations()
