"""Full text over what is kept on purpose, and nodes by permalink. Owns: the indexes of revision 0003. Imports: alembic. Effects: makes them."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

KEPT = "({0}kind IN ('page', 'memory', 'note', 'claim', 'focus', 'loop') OR {0}key LIKE 'decision:mark/%')"
STATEMENTS = (
    f"CREATE VIEW node_kept AS SELECT id, text FROM node WHERE text <> '' AND {KEPT.format('')}",  # noqa: S608 - constants
    "CREATE VIRTUAL TABLE kept_text USING fts5(text, content='node_kept', content_rowid='id')",
    (
        f"CREATE TRIGGER kept_text_insert AFTER INSERT ON node WHEN new.text <> '' AND {KEPT.format('new.')} BEGIN"  # noqa: S608 - constants
        " INSERT INTO kept_text(rowid, text) VALUES (new.id, new.text); END"
    ),
    (
        f"CREATE TRIGGER kept_text_update AFTER UPDATE OF text ON node WHEN old.text <> new.text AND {KEPT.format('new.')} BEGIN"
        " INSERT INTO kept_text(kept_text, rowid, text) SELECT 'delete', old.id, old.text WHERE old.text <> '';"
        " INSERT INTO kept_text(rowid, text) SELECT new.id, new.text WHERE new.text <> ''; END"
    ),
    (
        "CREATE INDEX node_link ON node (json_extract(props, '$.permalink'))"
        " WHERE json_extract(props, '$.permalink') > ''"
    ),
    "INSERT INTO kept_text(kept_text) VALUES ('rebuild')",
)


def upgrade() -> None:
    """Make the indexes of what is there."""
    if op.get_context().dialect.name == "sqlite":
        for statement in STATEMENTS:
            op.execute(statement)
