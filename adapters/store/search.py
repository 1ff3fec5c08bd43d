"""Full text over the graph's nodes. Owns: the FTS5 index (external content, kept by triggers) and its query. Imports: nothing. Effects: none."""

from __future__ import annotations

import re

INDEX = "CREATE VIRTUAL TABLE node_text USING fts5(text, content='node', content_rowid='id')"
ON_INSERT = (
    "CREATE TRIGGER node_text_insert AFTER INSERT ON node WHEN new.text <> '' BEGIN"
    " INSERT INTO node_text(rowid, text) VALUES (new.id, new.text); END"
)
ON_UPDATE = (
    "CREATE TRIGGER node_text_update AFTER UPDATE OF text ON node WHEN old.text <> new.text BEGIN"
    " INSERT INTO node_text(node_text, rowid, text) SELECT 'delete', old.id, old.text WHERE old.text <> '';"
    " INSERT INTO node_text(rowid, text) SELECT new.id, new.text WHERE new.text <> ''; END"
)
DDL = (INDEX, ON_INSERT, ON_UPDATE)
FIND = (
    "SELECT node.key, node.kind, node.audience, node.at, node.text, node.props FROM node_text"
    " JOIN node ON node.id = node_text.rowid WHERE node_text MATCH :words AND node.audience IN (:audience, 'bridge')"
    " ORDER BY node_text.rank LIMIT :limit"
)


def query(words: str) -> str:
    """Return what FTS5 is asked for a person's words: all of them, each taken literally, the last one as a prefix."""
    found = re.findall(r"\w+", words)
    return " ".join(f'"{word}"' for word in found) + "*" if found else ""
