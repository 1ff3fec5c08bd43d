"""What effects note of themselves goes with them. Owns: the names of revision 0007. Imports: alembic. Effects: renames, and lets go of what is over."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Name the notes after their effects; those of effects that are over go."""
    for begin in ("jot:", "memory:going:"):
        op.execute(
            f"UPDATE watermark SET key = 'effect:' || substr(key, {len(begin) + 1}) WHERE key LIKE '{begin}%'"  # noqa: S608 - constants
        )
    op.execute(
        "DELETE FROM watermark WHERE key LIKE 'effect:%' AND NOT EXISTS"
        " (SELECT 1 FROM effect WHERE effect.over_at IS NULL AND 'effect:' || effect.key = watermark.key)"
    )
