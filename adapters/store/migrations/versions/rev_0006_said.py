"""What was said lately, in whatever thread. Owns: the index of revision 0006. Imports: alembic, sqlalchemy. Effects: makes it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the index."""
    messages = sa.text("kind = 'message'")
    op.create_index("node_said", "node", ["at", "audience"], sqlite_where=messages, postgresql_where=messages)
