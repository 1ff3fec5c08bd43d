"""What every test starts from. Owns: a clean environment, the examples of property tests, the event loop's guard, `home`, `service_user`. Effects: temp folders."""

from __future__ import annotations

import inspect
import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import blockbuster
import hypothesis
import pytest

OURS = ("core", "config", "adapters", "bridge")
INHERITED = ("LOOPBRIDGE_", "ANTHROPIC_", "CLAUDE", "GIT_")
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")

# A busy machine is no failure. Every run sees the same examples, so that none fails by chance; each round of the soak sees others.
hypothesis.settings.register_profile(
    "steady",
    deadline=None,
    derandomize="CRASH_SEED" not in os.environ,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("steady")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away whatever the person who runs the tests has configured."""
    for name in list(os.environ):
        if name.startswith(INHERITED) or name.lower() in PROXIES:
            monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


@pytest.fixture(autouse=True)
def nothing_blocks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail an async test in which code of ours blocks the event loop (what a test itself does there is its own affair)."""
    if not inspect.iscoroutinefunction(getattr(request, "function", None)):
        yield
        return
    guard = blockbuster.BlockBuster(OURS, excluded_modules=["core.testing"])
    for name in [name for name in guard.functions if name.startswith("threading.Lock")]:
        # A lock that another thread holds for a microsecond (logging, metrics) would make tests fail by chance.
        del guard.functions[name]
    # The socket's own file is looked at and unlinked by asyncio, in memory.
    guard.functions["os.remove"].can_block_in("asyncio/unix_events.py", {"create_unix_server"})
    for function in guard.functions.values():
        # Encryption has a thread and an event loop of its own, so that it may write its store as it goes.
        function.can_block_in("adapters/chat/matrix/engine.py", {"run"})
    guard.activate()
    try:
        yield
    finally:
        guard.deactivate()


@pytest.fixture
def home() -> Iterator[Path]:
    """Return a fresh folder, 0700, with a path short enough for the sockets below it (108 bytes)."""
    path = Path(tempfile.mkdtemp(prefix="lb-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def service_user() -> str:
    """Return the user boxes run as: the service user under root, else oneself."""
    if os.geteuid():
        return pwd.getpwuid(os.geteuid()).pw_name
    try:
        return pwd.getpwnam("loopbridge").pw_name
    except KeyError:
        pytest.fail("root runs the tests and there is no user `loopbridge`: run scripts/bootstrap")
