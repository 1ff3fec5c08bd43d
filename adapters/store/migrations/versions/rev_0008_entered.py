"""New nodes are entered into the full text by who inserts them. Owns: the triggers revision 0008 drops. Imports: alembic. Effects: drops them."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Drop what entered them row by row."""
    if op.get_context().dialect.name == "sqlite":
        for index in ("node_text", "kept_text"):
            op.execute(f"DROP TRIGGER {index}_insert")
