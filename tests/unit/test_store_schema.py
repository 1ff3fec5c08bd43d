"""The store's schema: what migrations make and what a new file gets are the same. Owns: nothing. Imports: adapters.store. Effects: temp files."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import alembic.config
import alembic.script
import pytest

from adapters.store import opening, tables
from adapters.store.store import SqlStore
from core import errors
from core.testing.fakes import FakeClock


def schema(path: Path) -> set[str]:
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    connection.close()
    return {" ".join(sql.split()) for name, sql in rows if name != "alembic_version"}


def test_migrations_make_what_a_new_file_gets(home: Path) -> None:
    old, new = home / "old.db", home / "new.db"
    engine = opening.engine(old)
    with opening.connect(engine, writes=True) as connection:
        opening.migrate(connection)
    opening.prepare(new, opening.engine(new))
    assert schema(old) == schema(new)
    # The migrated file is one that the store opens as it is.
    opening.prepare(old, engine)
    assert {table.name for table in tables.META.sorted_tables} < {
        line.split()[2] for line in schema(new) if line.startswith("CREATE TABLE")
    } | {"alembic_version"}


def test_notes_are_named_after_effects_that_are_not_over(home: Path) -> None:
    with opening.connect(opening.engine(home / "old.db"), writes=True) as connection:
        opening.migrate(connection, to="0006")
        connection.exec_driver_sql(
            "INSERT INTO effect (id, key, lane, card, priority, kind, state, payload, attempts, result, over_at) VALUES"
            " (1, 'pin:1', 'l', NULL, 1, 'jot', 'waiting', '{}', 0, '', NULL), (2, 'forget:2', 'l', NULL, 1, 'forget', 'done', '{}', 0, '', 5)"
        )
        connection.exec_driver_sql(
            "INSERT INTO watermark (key, value) VALUES ('jot:pin:1', 'a'), ('memory:going:forget:2', 'b'), ('memory:held:3', 'c')"
        )
        connection.commit()
        opening.migrate(connection)
        kept = connection.exec_driver_sql("SELECT key, value FROM watermark ORDER BY key").all()
    assert [tuple(row) for row in kept] == [("effect:pin:1", "a"), ("memory:held:3", "c")]


def test_the_revisions_listed_are_those_on_disk() -> None:
    config = alembic.config.Config()
    config.set_main_option("script_location", str(opening.MIGRATIONS))
    script = alembic.script.ScriptDirectory.from_config(config)
    assert tuple(revision.revision for revision in script.walk_revisions())[::-1] == opening.REVISIONS


async def test_a_newer_schema_is_refused(home: Path) -> None:
    path = home / "b.db"
    async with SqlStore(f"sqlite:///{path}", clock=FakeClock()):
        pass
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(errors.Refused, match="newer version") as caught:
        await SqlStore(f"sqlite:///{path}", clock=FakeClock()).__aenter__()
    assert caught.value.remedy


async def test_a_foreign_database_is_left_alone(home: Path) -> None:
    path = home / "b.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE songs (name)")
    connection.close()
    with pytest.raises(errors.Refused, match="something else"):
        await SqlStore(f"sqlite:///{path}", clock=FakeClock()).__aenter__()


@pytest.mark.parametrize(
    "url", ["nonsense", "postgresql://me:hidden@there/db", "sqlite://", "sqlite:///:memory:"]
)
def test_another_url_is_bad_input(url: str) -> None:
    with pytest.raises(errors.BadInput) as caught:
        SqlStore(url, clock=FakeClock())
    assert "hidden" not in str(caught.value)
