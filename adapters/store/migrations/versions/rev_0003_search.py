"""Full text that knows whose a row is, and nodes by permalink. Owns: the index of revision 0003. Imports: alembic. Effects: makes it anew."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

WHO = (
    "'k' || CASE WHEN {0}key LIKE 'decision:mark/%' THEN 'mark' ELSE replace({0}kind, '_', '') END || ' a' || hex({0}audience)"
    " || ' c' || hex(rtrim({0}audience, replace({0}audience, '/', '')))"
)
STATEMENTS = (
    "DROP TRIGGER node_text_insert",
    "DROP TRIGGER node_text_update",
    "DROP TABLE node_text",
    f"CREATE VIEW node_told AS SELECT id, text, {WHO.format('')} AS who FROM node WHERE text <> ''",  # noqa: S608 - constants
    "CREATE VIRTUAL TABLE node_text USING fts5(text, who, content='node_told', content_rowid='id', columnsize=0)",
    (
        "CREATE TRIGGER node_text_insert AFTER INSERT ON node WHEN new.text <> '' BEGIN"  # noqa: S608 - constants
        f" INSERT INTO node_text(rowid, text, who) VALUES (new.id, new.text, {WHO.format('new.')}); END"
    ),
    (
        "CREATE TRIGGER node_text_update AFTER UPDATE OF text ON node WHEN old.text <> new.text BEGIN"
        f" INSERT INTO node_text(node_text, rowid, text, who) SELECT 'delete', old.id, old.text, {WHO.format('old.')} WHERE old.text <> '';"
        f" INSERT INTO node_text(rowid, text, who) SELECT new.id, new.text, {WHO.format('new.')} WHERE new.text <> ''; END"
    ),
    (
        "CREATE INDEX node_link ON node (json_extract(props, '$.permalink'))"
        " WHERE json_extract(props, '$.permalink') > ''"
    ),
    "INSERT INTO node_text(node_text) VALUES ('rebuild')",
)


def upgrade() -> None:
    """Replace the index."""
    if op.get_context().dialect.name == "sqlite":
        for statement in STATEMENTS:
            op.execute(statement)
