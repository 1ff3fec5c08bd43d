"""Full text over the graph's nodes. Owns: two FTS5 indexes, how they are kept, and their queries. Imports: nothing. Effects: none.

One index holds everything. Another holds the few things among the many that a team keeps on purpose (pages, claims, decisions, loops):
they are found however many messages hold the same words. Triggers follow texts that change; whoever inserts nodes enters them here, many
by one statement: a trigger would do it row by row, which for a long thread costs several times what the rows do.
"""

from __future__ import annotations

import re
from collections.abc import Collection

KEPT = frozenset({"page", "memory", "note", "claim", "focus", "loop", "mark"})
MARK = "mark"  # the kind a decision that people marked is found as
_KEPT = "({0}kind IN ('page', 'memory', 'note', 'claim', 'focus', 'loop') OR {0}key LIKE 'decision:mark/%')"
INDEX = "CREATE VIRTUAL TABLE node_text USING fts5(text, content='node', content_rowid='id')"
ON_UPDATE = (
    "CREATE TRIGGER node_text_update AFTER UPDATE OF text ON node WHEN old.text <> new.text BEGIN"
    " INSERT INTO node_text(node_text, rowid, text) SELECT 'delete', old.id, old.text WHERE old.text <> '';"
    " INSERT INTO node_text(rowid, text) SELECT new.id, new.text WHERE new.text <> ''; END"
)
VIEW = f"CREATE VIEW node_kept AS SELECT id, text FROM node WHERE text <> '' AND {_KEPT.format('')}"  # noqa: S608 - constants
KEPT_INDEX = "CREATE VIRTUAL TABLE kept_text USING fts5(text, content='node_kept', content_rowid='id')"
KEPT_UPDATE = (
    f"CREATE TRIGGER kept_text_update AFTER UPDATE OF text ON node WHEN old.text <> new.text AND {_KEPT.format('new.')} BEGIN"
    " INSERT INTO kept_text(kept_text, rowid, text) SELECT 'delete', old.id, old.text WHERE old.text <> '';"
    " INSERT INTO kept_text(rowid, text) SELECT new.id, new.text WHERE new.text <> ''; END"
)
LINKED = "CREATE INDEX node_link ON node (json_extract(props, '$.permalink')) WHERE kind = 'message'"
DDL = (INDEX, ON_UPDATE, VIEW, KEPT_INDEX, KEPT_UPDATE, LINKED)
ENTER = "INSERT INTO node_text(rowid, text) SELECT id, text FROM node WHERE id BETWEEN :first AND :last AND text <> ''"
ENTER_KEPT = (
    "INSERT INTO kept_text(rowid, text) SELECT id, text FROM node_kept WHERE id BETWEEN :first AND :last"
)
# Newest first, and no further than `most`: what is ranked is never more than a few thousand rows, whatever matches. Two words at once are
# never asked for: their common rows would have to be looked for in all of them.
_MET = (
    "SELECT node.id FROM (SELECT rowid AS met FROM {0} WHERE {0} MATCH :words ORDER BY rowid DESC LIMIT :most)"
    " CROSS JOIN node ON node.id = met WHERE (:kinds = '[]' OR"
    " CASE WHEN node.key LIKE 'decision:mark/%' THEN 'mark' ELSE node.kind END IN (SELECT value FROM json_each(:kinds)))"
    " AND (node.audience IN (SELECT value FROM json_each(:exact))"
    " OR (:channel <> '' AND substr(node.audience, 1, length(:channel)) = :channel))"
)
MET = _MET.format("node_text")
MET_KEPT = _MET.format("kept_text")


def is_kept(kind: str, key: str) -> bool:
    """Whether a node stands in the small index too, if it has a text."""
    return (kind in KEPT and kind != MARK) or key.startswith("decision:mark/")


def terms(words: str) -> list[str]:
    """Return the distinct words of a text as the index knows them, in their order."""
    return list(dict.fromkeys(re.findall(r"[^\W_]+", words.lower())))


def among_kept(kinds: Collection[str]) -> bool:
    """Whether everything of these kinds (none: of all) stands in the small index."""
    return bool(kinds) and KEPT.issuperset(kinds)
