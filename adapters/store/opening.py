"""Opening the database file. Owns: engine, checks, schema. Imports: sqlalchemy, alembic (only to migrate), adapters.store. Effects: creates and migrates."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from adapters.store import faults, tables
from core import errors

REVISIONS = (
    "0001",
    "0002",
    "0003",
    "0004",
    "0005",
    "0006",
    "0007",
    "0008",
    "0009",
)  # oldest first; the last one is what `tables` says
SMALL = 16 << 20
MIGRATIONS = Path(__file__).parent / "migrations"
PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA busy_timeout = 5000",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA wal_autocheckpoint = 4000",  # pages, 16 MB: one long thread fills the usual 1,000
)


def path_of(url: str) -> Path:
    """Return the file a database URL names. Raises BadInput for anything but `sqlite:///…`."""
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as exc:
        raise _bad_url(url) from exc
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        raise _bad_url(url)
    return Path(parsed.database).absolute()


def _bad_url(url: str) -> errors.BadInput:
    shown = url.partition("@")[2] or url  # what comes before an @ may hold a password
    return errors.BadInput(
        f"database.url “{shown}” is not a database this version can use.",
        remedy="Write sqlite:////absolute/path/of/bridge.db.",
    )


def engine(path: Path) -> sa.Engine:
    """Return an engine whose connections begin transactions as their `begin` option says."""
    made = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        poolclass=sa.NullPool,
        paramstyle="named",
        connect_args={"isolation_level": None, "check_same_thread": False, "cached_statements": 256},
    )

    @sa.event.listens_for(made, "begin")
    def begin(connection: sa.Connection) -> None:
        # The driver's own transactions begin late and never for reads.
        connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))

    return made


def connect(made: sa.Engine, *, writes: bool) -> sa.Connection:
    """Return a connection for one thread."""
    connection = made.connect().execution_options(begin="BEGIN IMMEDIATE" if writes else "BEGIN")
    cursor = connection.connection.cursor()
    for pragma in PRAGMAS if writes else (*PRAGMAS[2:4], "PRAGMA query_only = ON"):
        cursor.execute(pragma)
        cursor.close()
        cursor = connection.connection.cursor()
    cursor.close()
    return connection


def prepare(path: Path, made: sa.Engine) -> None:
    """Check the file and bring its schema up to date. Raises Damaged, Refused for a newer or a foreign file, or what the driver raises."""
    unclean = _size(path.with_name(path.name + "-wal")) > 0
    with connect(made, writes=True) as connection:
        if unclean or _size(path) <= SMALL:
            _check(path, connection)
        known = _revision(path, connection)
        connection.rollback()
        if known is None:
            with connection.begin():
                tables.META.create_all(connection)
                _stamp(connection, REVISIONS[-1])
        elif known != REVISIONS[-1]:
            migrate(connection)
    path.chmod(0o600)


def migrate(connection: sa.Connection, *, to: str = "head") -> None:
    """Bring an older schema up to date, or to the revision `to`, in one transaction."""
    import alembic.command
    import alembic.config

    config = alembic.config.Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    alembic.command.upgrade(config, to)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _check(path: Path, connection: sa.Connection) -> None:
    found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    connection.rollback()
    if found != "ok":
        raise faults.damaged(path, str(found).splitlines()[-1])


def _revision(path: Path, connection: sa.Connection) -> str | None:
    """Return the schema's revision, None for an empty file."""
    names = set(connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars())
    if not names:
        return None
    if "alembic_version" not in names:
        raise errors.Refused(
            f"{path} is a database of something else; it was left as it is.",
            remedy="Name another file in database.url.",
        )
    revision = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one_or_none()
    if revision not in REVISIONS:
        raise errors.Refused(
            f"The database {path} was written by a newer version of the bridge (schema {revision}); it was left as it is.",
            remedy="Start that version again, or restore the backup made before it was started.",
        )
    return str(revision)


def _stamp(connection: sa.Connection, revision: str) -> None:
    connection.exec_driver_sql(
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL,"
        " CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
    )
    connection.exec_driver_sql("INSERT INTO alembic_version VALUES (:revision)", {"revision": revision})
