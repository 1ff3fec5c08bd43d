"""Full text over the graph's nodes. Owns: the FTS5 index (kept by triggers) and its queries. Imports: core.audience. Effects: none.

Beside its words a row holds what it is (`k…`), whose audience it has (`a…`) and of which channel (`c…`), each as one word. So a
question for the pages of the bridge meets the few rows that are any, however many messages hold the same words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from core.audience import Sight

SEPARATOR = "/"  # what stands before it in an audience is the channel
WHO = (
    "'k' || CASE WHEN {0}key LIKE 'decision:mark/%' THEN 'mark' ELSE replace({0}kind, '_', '') END || ' a' || hex({0}audience)"
    f" || ' c' || hex(rtrim({{0}}audience, replace({{0}}audience, '{SEPARATOR}', '')))"
)
VIEW = f"CREATE VIEW node_told AS SELECT id, text, {WHO.format('')} AS who FROM node WHERE text <> ''"  # noqa: S608 - constants
INDEX = "CREATE VIRTUAL TABLE node_text USING fts5(text, who, content='node_told', content_rowid='id', columnsize=0)"
ON_INSERT = (
    "CREATE TRIGGER node_text_insert AFTER INSERT ON node WHEN new.text <> '' BEGIN"  # noqa: S608 - constants
    f" INSERT INTO node_text(rowid, text, who) VALUES (new.id, new.text, {WHO.format('new.')}); END"
)
ON_UPDATE = (
    "CREATE TRIGGER node_text_update AFTER UPDATE OF text ON node WHEN old.text <> new.text BEGIN"
    f" INSERT INTO node_text(node_text, rowid, text, who) SELECT 'delete', old.id, old.text, {WHO.format('old.')} WHERE old.text <> '';"
    f" INSERT INTO node_text(rowid, text, who) SELECT new.id, new.text, {WHO.format('new.')} WHERE new.text <> ''; END"
)
LINKED = "CREATE INDEX node_link ON node (json_extract(props, '$.permalink')) WHERE json_extract(props, '$.permalink') > ''"
DDL = (VIEW, INDEX, ON_INSERT, ON_UPDATE, LINKED)
# Newest first: what is ranked is never more than a few hundred rows, whatever matches.
NEWEST = "SELECT rowid FROM node_text WHERE node_text MATCH :words ORDER BY rowid DESC LIMIT :limit"
MARK = "mark"  # the kind a decision that people marked is found as


def terms(words: str) -> list[str]:
    """Return the distinct words of a text as the index knows them, in their order."""
    return list(dict.fromkeys(re.findall(r"[^\W_]+", words.lower())))


def query(words: str) -> str:
    """Return what FTS5 is asked for a person's words: all of them, each taken literally, the last one as a prefix."""
    found = re.findall(r"[^\W_]+", words)
    return " ".join(f'"{word}"' for word in found) + "*" if found else ""


def within(term: str, sight: Sight, kinds: Sequence[str]) -> str:
    """Return what FTS5 is asked for one word in what a reader sees, of some kinds (none: of all)."""
    seen = [f"a{audience.encode().hex()}" for audience in sight.exact]
    seen += [f"c{sight.channel.encode().hex()}"] if sight.channel else []
    parts = [f'text : "{term}"', f"who : ({_any(seen)})"]
    parts += [f"who : ({_any([f'k{kind}' for kind in kinds])})"] if kinds else []
    return " AND ".join(parts)


def _any(words: Sequence[str]) -> str:
    return " OR ".join(f'"{word}"' for word in words)
