"""Messages by permalink. Owns: the index of revision 0009. Imports: alembic. Effects: makes it anew."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Look the permalink up once per row instead of twice: only messages are ever found by theirs."""
    if op.get_context().dialect.name == "sqlite":
        op.execute("DROP INDEX node_link")
        op.execute(
            "CREATE INDEX node_link ON node (json_extract(props, '$.permalink')) WHERE kind = 'message'"
        )
