"""What is to be journalled. Owns: the table of revision 0002. Imports: alembic, sqlalchemy. Effects: creates it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the table, and have a database that was in use journalled from its beginning."""
    op.create_table(
        "journal",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("loop", sa.Text(), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    # What happened before is in no journal: a mark that no commit reaches has everything written anew.
    op.execute(
        "INSERT INTO journal (id, lane, loop, people, line) SELECT 1, '', '', 0, '' WHERE EXISTS (SELECT 1 FROM event)"
    )
