"""The first schema. Owns: every table and index of revision 0001. Imports: alembic, sqlalchemy. Effects: creates them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
FULL_TEXT = (
    "CREATE VIRTUAL TABLE node_text USING fts5(text, content='node', content_rowid='id')",
    (
        "CREATE TRIGGER node_text_insert AFTER INSERT ON node WHEN new.text <> '' BEGIN"
        " INSERT INTO node_text(rowid, text) VALUES (new.id, new.text); END"
    ),
    (
        "CREATE TRIGGER node_text_update AFTER UPDATE OF text ON node WHEN old.text <> new.text BEGIN"
        " INSERT INTO node_text(node_text, rowid, text) SELECT 'delete', old.id, old.text WHERE old.text <> '';"
        " INSERT INTO node_text(rowid, text) SELECT new.id, new.text WHERE new.text <> ''; END"
    ),
)


def upgrade() -> None:
    """Create everything."""
    _events()
    _effects()
    _loops()
    _sessions()
    _asks_and_people()
    _graph()
    if op.get_context().dialect.name == "sqlite":
        for statement in FULL_TEXT:
            op.execute(statement)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _whole(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _id(name: str) -> sa.Column[int]:
    return sa.Column(name, ID, autoincrement=False, nullable=False)


def _events() -> None:
    op.create_table(
        "event",
        _id("id"),
        _text("dedup"),
        _text("kind"),
        _text("lane"),
        _text("payload"),
        _whole("at"),
        sa.Column("handled_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("dedup"),
    )
    op.create_index(
        "event_waiting",
        "event",
        ["id"],
        sqlite_where=sa.text("handled_at IS NULL"),
        postgresql_where=sa.text("handled_at IS NULL"),
    )


def _effects() -> None:
    op.create_table(
        "effect",
        _id("id"),
        _text("key"),
        _text("lane"),
        sa.Column("card", sa.Text()),
        sa.Column("priority", sa.Integer(), nullable=False),
        _text("kind"),
        _text("payload"),
        _text("state"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.BigInteger()),
        _text("result"),
        sa.Column("over_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    op.create_index(
        "effect_card",
        "effect",
        ["card"],
        sqlite_where=sa.text("over_at IS NULL"),
        postgresql_where=sa.text("over_at IS NULL"),
    )
    op.create_index(
        "effect_open",
        "effect",
        ["priority", "id"],
        sqlite_where=sa.text("over_at IS NULL"),
        postgresql_where=sa.text("over_at IS NULL"),
    )
    op.create_table("card", _text("key"), _text("posted"), _whole("at"), sa.PrimaryKeyConstraint("key"))
    op.create_table("watermark", _text("key"), _text("value"), sa.PrimaryKeyConstraint("key"))


def _loops() -> None:
    op.create_table(
        "loop",
        _id("seq"),
        _text("id"),
        _text("thread"),
        _text("status"),
        sa.Column("live", sa.Integer(), nullable=False),
        _text("driver"),
        _whole("updated_at"),
        _text("body"),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id"),
    )
    op.create_index("loop_live", "loop", ["live", "updated_at"])
    op.create_index("loop_thread", "loop", ["thread", "seq"])
    op.create_index("loop_updated", "loop", ["updated_at"])
    op.create_table("follow", _text("thread"), _text("loop"), sa.PrimaryKeyConstraint("thread"))
    op.create_table(
        "turn",
        _text("id"),
        _text("loop"),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("leg", sa.Integer(), nullable=False),
        _text("state"),
        _whole("started_at"),
        _text("prompt"),
        _text("answer"),
        sa.Column("spent_usd", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("turn_loop", "turn", ["loop", "number"])


def _sessions() -> None:
    op.create_table(
        "session_entry",
        _text("session"),
        _id("number"),
        _text("entry"),
        sa.PrimaryKeyConstraint("session", "number"),
    )
    op.create_table(
        "spend",
        _text("loop"),
        _text("request"),
        _text("model"),
        _whole("tokens"),
        sa.Column("cost_usd", sa.Float(), nullable=False),
        _whole("at"),
        sa.PrimaryKeyConstraint("loop", "request"),
    )
    op.create_index("spend_at", "spend", ["at", "cost_usd", "tokens"])


def _asks_and_people() -> None:
    op.create_table(
        "ask",
        _text("id"),
        _text("loop"),
        _text("state"),
        _whole("asked_at"),
        _whole("remind_at"),
        _whole("expires_at"),
        sa.Column("reminded", sa.Integer(), nullable=False),
        _text("body"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ask_loop", "ask", ["loop", "asked_at"])
    op.create_index(
        "ask_open",
        "ask",
        ["loop"],
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "decision",
        _text("ask"),
        _text("loop"),
        _text("state"),
        _text("choice"),
        _text("member"),
        _text("decider"),
        _text("reason"),
        _whole("at"),
        sa.PrimaryKeyConstraint("ask"),
    )
    op.create_index("decision_loop", "decision", ["loop", "at"])
    op.create_table(
        "member",
        _text("id"),
        _text("name"),
        _text("role"),
        sa.Column("claimed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table("identity", _text("key"), _text("member"), sa.PrimaryKeyConstraint("key"))


def _graph() -> None:
    op.create_table(
        "node",
        _id("id"),
        _text("key"),
        _text("kind"),
        _text("audience"),
        _whole("at"),
        _text("text"),
        _text("props"),
        sa.Column("stub", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    op.create_index("node_audience", "node", ["audience", "kind", "at", "id"])
    op.create_table(
        "edge",
        _id("src"),
        _text("kind"),
        _id("dst"),
        _whole("at"),
        sa.PrimaryKeyConstraint("src", "kind", "dst"),
        sqlite_with_rowid=False,
    )
    op.create_index("edge_back", "edge", ["dst", "kind", "src"])
