"""The schema. Owns: every table and index as SQLAlchemy metadata. Imports: sqlalchemy, adapters.store.search. Effects: none.

Instants are whole microseconds since 1970 UTC, payloads and bodies are JSON text, ids are given out by the writer. A change here
needs a migration beside it: a test compares what the two make.
"""

from __future__ import annotations

import sqlalchemy as sa

from adapters.store import search


def _virtual(statement: str) -> sa.schema.ExecutableDDLElement:
    """Return DDL that only SQLite is given."""
    made: sa.schema.DDL = sa.DDL(statement.replace("%", "%%"))  # type: ignore[no-untyped-call]
    return made.execute_if(dialect="sqlite")


ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
META = sa.MetaData()

event = sa.Table(
    "event",
    META,
    sa.Column("id", ID, primary_key=True, autoincrement=False),
    sa.Column("dedup", sa.Text, nullable=False, unique=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("lane", sa.Text, nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("handled_at", sa.BigInteger),
)
sa.Index(
    "event_waiting",
    event.c.id,
    sqlite_where=event.c.handled_at.is_(None),
    postgresql_where=event.c.handled_at.is_(None),
)

effect = sa.Table(
    "effect",
    META,
    sa.Column("id", ID, primary_key=True, autoincrement=False),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("lane", sa.Text, nullable=False),
    sa.Column("card", sa.Text),  # of a Show alone: what a newer Show supersedes
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),  # waiting, leased, done, failed, superseded
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("not_before", sa.BigInteger),
    sa.Column("result", sa.Text, nullable=False),
    sa.Column("over_at", sa.BigInteger),
)
sa.Index(
    "effect_open",
    effect.c.priority,
    effect.c.id,
    sqlite_where=effect.c.over_at.is_(None),
    postgresql_where=effect.c.over_at.is_(None),
)
sa.Index(
    "effect_card",
    effect.c.card,
    sqlite_where=effect.c.over_at.is_(None),
    postgresql_where=effect.c.over_at.is_(None),
)

loop = sa.Table(
    "loop",
    META,
    sa.Column("seq", ID, primary_key=True, autoincrement=False),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("thread", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("live", sa.Integer, nullable=False),
    sa.Column("driver", sa.Text, nullable=False),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
)
sa.Index("loop_thread", loop.c.thread, loop.c.seq)
sa.Index("loop_live", loop.c.live, loop.c.updated_at)
sa.Index("loop_updated", loop.c.updated_at)

follow = sa.Table(
    "follow",
    META,
    sa.Column("thread", sa.Text, primary_key=True),  # the thread that follows
    sa.Column("loop", sa.Text, nullable=False),
)

turn = sa.Table(
    "turn",
    META,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("loop", sa.Text, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("leg", sa.Integer, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("started_at", sa.BigInteger, nullable=False),
    sa.Column("prompt", sa.Text, nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
    sa.Column("spent_usd", sa.Float, nullable=False),
)
sa.Index("turn_loop", turn.c.loop, turn.c.number)

ask = sa.Table(
    "ask",
    META,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("loop", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("asked_at", sa.BigInteger, nullable=False),
    sa.Column("remind_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("reminded", sa.Integer, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
)
sa.Index("ask_open", ask.c.loop, sqlite_where=ask.c.state == "open", postgresql_where=ask.c.state == "open")
sa.Index("ask_loop", ask.c.loop, ask.c.asked_at)

decision = sa.Table(
    "decision",
    META,
    sa.Column("ask", sa.Text, primary_key=True),
    sa.Column("loop", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("choice", sa.Text, nullable=False),
    sa.Column("member", sa.Text, nullable=False),
    sa.Column("decider", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
)
sa.Index("decision_loop", decision.c.loop, decision.c.at)

member = sa.Table(
    "member",
    META,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("claimed", sa.Integer, nullable=False),  # used the one-time code of the console
)

identity = sa.Table(
    "identity",
    META,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("member", sa.Text, nullable=False),
)

card = sa.Table(
    "card",
    META,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("posted", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
)

node = sa.Table(
    "node",
    META,
    sa.Column("id", ID, primary_key=True, autoincrement=False),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("audience", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("props", sa.Text, nullable=False),
    sa.Column("stub", sa.Integer, nullable=False),  # named by an edge, not told of yet
)
sa.Index("node_audience", node.c.audience, node.c.kind, node.c.at, node.c.id)
sa.Index(
    "node_said",
    node.c.at,
    node.c.audience,
    sqlite_where=node.c.kind == "message",
    postgresql_where=node.c.kind == "message",
)

edge = sa.Table(
    "edge",
    META,
    sa.Column("src", ID, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("dst", ID, primary_key=True, autoincrement=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
sa.Index("edge_back", edge.c.dst, edge.c.kind, edge.c.src)

session_entry = sa.Table(
    "session_entry",
    META,
    sa.Column("session", sa.Text, primary_key=True),
    sa.Column("number", ID, primary_key=True, autoincrement=False),
    sa.Column("entry", sa.Text, nullable=False),
)

spend = sa.Table(
    "spend",
    META,
    sa.Column("loop", sa.Text, primary_key=True),
    sa.Column("request", sa.Text, primary_key=True),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("tokens", sa.BigInteger, nullable=False),
    sa.Column("cost_usd", sa.Float, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
)
sa.Index("spend_at", spend.c.at, spend.c.cost_usd, spend.c.tokens)

watermark = sa.Table(
    "watermark",
    META,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

schedule = sa.Table(
    "schedule",
    META,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("thread", sa.Text, nullable=False),
    sa.Column("runs", sa.Integer, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
)
proposal = sa.Table(
    "proposal",
    META,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("thread", sa.Text, nullable=False),
    sa.Column("loop", sa.Text, nullable=False),
    sa.Column("layer", sa.Text, nullable=False),
    sa.Column("open", sa.Integer, nullable=False),  # anything can still become of it
    sa.Column("proposed_at", sa.BigInteger, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
)
sa.Index("proposal_thread", proposal.c.thread, proposal.c.proposed_at)
sa.Index("proposal_open", proposal.c.open, proposal.c.proposed_at)
sa.Index("schedule_thread", schedule.c.thread, schedule.c.created_at)

journal = sa.Table(
    "journal",
    META,
    sa.Column("id", ID, primary_key=True, autoincrement=False),
    sa.Column("lane", sa.Text, nullable=False),
    sa.Column("loop", sa.Text, nullable=False),  # the loop that changed with it, or empty
    sa.Column("people", sa.Integer, nullable=False),  # whether members or accounts did
    sa.Column("line", sa.Text, nullable=False),  # empty in the row that marks what was written last
)

for statement in search.DDL:
    sa.event.listen(META, "after_create", _virtual(statement))
