"""The checks of `doctor`, one by one. Owns: that each finds what is wrong, against real files, ports, repositories and a real far side."""

from __future__ import annotations

import asyncio
import errno
import json
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from adapters.store.store import SqlStore
from bridge import checks_chats, checks_jobs, checks_outside, checks_state, doctor
from bridge.clock import SystemClock
from bridge.home import Home, prepare
from config import chores
from config import settings as configuration
from config.settings import Settings
from core.errors import Rejected
from core.ports import Finding

KEY = "sk-wrong-key-1"
NOTHING = checks_state.Daemon(running=False)


@pytest.fixture
def ready(home: Path) -> Path:
    prepare(Home(home))
    return home


async def load(ready: Path, **environ: str) -> Settings:
    return await asyncio.to_thread(
        configuration.load, ready, {f"LOOPBRIDGE_{name}": value for name, value in environ.items()}
    )


@asynccontextmanager
async def far_side(status: int, body: str = "{}") -> AsyncIterator[str]:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, text=body)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield str(runner.addresses[0][1])
    finally:
        await runner.cleanup()


def wrong(found: Sequence[Finding]) -> list[Finding]:
    for finding in found:
        assert KEY not in finding.detail + finding.remedy
        assert finding.ok or finding.remedy, finding
    return [finding for finding in found if not finding.ok]


async def test_a_fresh_home_is_well(ready: Path) -> None:
    given = await load(ready, HTTP__PORT="0")
    assert not wrong(await checks_state.home(given))
    assert not wrong(await checks_state.database(given, NOTHING))
    assert not wrong(await checks_state.port(given, NOTHING))
    assert not wrong(await checks_state.policy(given))
    assert not wrong(await checks_chats.chats(given, NOTHING))


async def test_without_a_home_it_says_init(tmp_path: Path) -> None:
    given = await load(tmp_path)
    for found in (await checks_state.home(given), await checks_state.database(given, NOTHING)):
        assert wrong(found)[0].remedy == "Run `loopbridge init`."
    assert list(tmp_path.iterdir()) == []


async def test_permissions(ready: Path) -> None:
    ready.chmod(0o755)
    assert wrong(await checks_state.home(await load(ready)))[0].remedy == f"chmod 700 {ready}"
    ready.chmod(0o700)
    (ready / "config.toml").chmod(0o644)
    assert wrong(await checks_state.home(await load(ready)))[0].remedy == f"chmod 600 {ready}/config.toml"


async def test_a_bad_rule(ready: Path) -> None:
    (ready / "policy.toml").write_text("[[rules]]")
    assert "the nearest name is rule" in wrong(await checks_state.policy(await load(ready)))[0].detail


async def test_a_port_in_use(ready: Path) -> None:
    async with far_side(200, "not ours") as port:
        given = await load(ready, HTTP__PORT=port)
        assert not (await checks_state.daemon(given)).running
        assert (
            wrong(await checks_state.port(given, NOTHING))[0].detail
            == f"127.0.0.1:{port}: Address already in use"
        )


@pytest.mark.parametrize(("status", "word"), [(200, "ok"), (503, "degraded")])
async def test_our_own_bridge_on_the_port(ready: Path, status: int, word: str) -> None:
    async with far_side(status, json.dumps({"status": word})) as port:
        given = await load(ready, HTTP__PORT=port)
        running = await checks_state.daemon(given)
        assert running == checks_state.Daemon(running=True, status=word)
        assert bool(wrong(await checks_state.port(given, running))) == (word != "ok")
        assert not wrong(await checks_state.database(given, running))


async def test_a_bridge_of_another_home_on_the_port_is_not_ours(ready: Path) -> None:
    body = {"status": "ok", "home": "/srv/other", "chats": {"local": "connected"}}
    async with far_side(200, json.dumps(body)) as port:
        given = await load(ready, HTTP__PORT=port)
        other = await checks_state.daemon(given)
        assert not other.running
        [found] = wrong(await checks_state.port(given, other))
        assert "/srv/other" in found.detail
        assert "http.port" in found.remedy
        [opened] = await checks_state.database(given, other)
        assert "written durably" in opened.detail


async def test_a_bridge_that_runs_without_a_port_is_nothing_wrong(ready: Path) -> None:
    given = await load(ready, HTTP__PORT="0")
    async with SqlStore(Home(ready).database_url, clock=SystemClock()):
        held = await checks_state.daemon(given)
        assert (held.running, held.held) == (False, True)
        for found in (await checks_state.database(given, held), await checks_chats.chats(given, held)):
            assert not wrong(found)
            assert "a bridge that runs here" in found[0].detail
    assert not (await checks_state.daemon(given)).held


async def test_a_home_that_cannot_be_written_is_a_finding_like_any_other(
    ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(ready / "tmp1"))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    [found] = wrong(await checks_state.home(await load(ready)))
    assert found.detail == f"{ready} cannot be written (Read-only file system)"
    assert "disk" in found.remedy


async def test_a_running_bridge_tells_how_its_chats_are(ready: Path) -> None:
    body = {"status": "degraded", "chats": {"local": "connected", "discord": "the token was revoked"}}
    async with far_side(503, json.dumps(body)) as port:
        given = await load(
            ready,
            HTTP__PORT=port,
            DISCORD__TOKEN="t" * 20,
            SLACK__BOT_TOKEN="xoxb-1",
            SLACK__APP_TOKEN="xapp-1",
        )
        found = await checks_chats.chats(given, await checks_state.daemon(given))
    assert {finding.name: finding.ok for finding in found} == {
        "chat local": True,
        "chat slack": False,
        "chat discord": False,
    }
    assert "the token was revoked" in found[-1].detail
    assert "Restart" in wrong(found)[0].remedy


async def test_a_chat_that_cannot_be_entered_is_a_finding_and_the_others_are_tried(ready: Path) -> None:
    given = await load(
        ready,
        SLACK__BOT_TOKEN="xoxb-1",
        SLACK__APP_TOKEN="xapp-1",
        SLACK__API_URL="http://127.0.0.1:1/api",
    )
    found = await checks_chats.chats(given, NOTHING)
    assert [finding.name for finding in wrong(found)] == ["chat slack"]
    assert any(finding.ok for finding in found)


async def test_swapped_tokens_are_told_in_one_line(ready: Path) -> None:
    given = await load(ready, SLACK__BOT_TOKEN="xapp-1", SLACK__APP_TOKEN="xoxb-1")
    [found] = wrong(await checks_chats.chats(given, NOTHING))
    assert "swapped" in found.detail


@pytest.mark.parametrize(
    ("status", "said"),
    [(401, "refuses the key (401)"), (403, "refuses the key (403)"), (500, "answers with 500")],
)
async def test_a_model_that_says_no(ready: Path, status: int, said: str) -> None:
    async with far_side(status) as port:
        given = await load(ready, MODEL__BASE_URL=f"http://127.0.0.1:{port}", MODEL__API_KEY=KEY)
        assert said in wrong(await checks_outside.model(given))[0].detail


async def test_a_model_that_answers(ready: Path) -> None:
    async with far_side(200) as port:
        given = await load(
            ready, MODEL__BASE_URL=f"http://127.0.0.1:{port}", MODEL__API_KEY=KEY, MODEL__AUTH="bearer"
        )
        assert not wrong(await checks_outside.model(given))


async def test_a_model_that_is_not_there(ready: Path) -> None:
    given = await load(ready, MODEL__BASE_URL="http://127.0.0.1:1", MODEL__API_KEY=KEY)
    assert "cannot be reached" in wrong(await checks_outside.model(given))[0].detail
    assert "no key" in wrong(await checks_outside.model(await load(ready)))[0].detail


async def test_a_model_near_by_may_need_no_key(ready: Path) -> None:
    async with far_side(200) as port:
        given = await load(ready, MODEL__BASE_URL=f"http://127.0.0.1:{port}")
        assert not wrong(await checks_outside.model(given))
    async with far_side(401) as port:
        given = await load(ready, MODEL__BASE_URL=f"http://127.0.0.1:{port}")
        assert (
            "wants a key, and none is configured (401)" in wrong(await checks_outside.model(given))[0].detail
        )


async def test_a_key_that_cannot_be_sent(ready: Path) -> None:
    given = await load(ready, MODEL__BASE_URL="http://127.0.0.1:1", MODEL__API_KEY=f"{KEY}\nx: y")
    assert wrong(await checks_outside.model(given))


async def test_a_rehearsal(ready: Path) -> None:
    (ready / "script.toml").write_text('[[rule]]\nsay = "hello"\n')
    given = await load(ready, MODEL__REHEARSAL="script.toml")
    assert not wrong(await checks_outside.model(given))


async def test_repositories(ready: Path) -> None:
    empty = ready / "empty.git"
    await asyncio.to_thread(subprocess.run, ["git", "init", "-q", "--bare", str(empty)], check=True)
    notes = str(Home(ready).layer("notes"))
    given = await load(
        ready,
        REPOS__FINE__URL=notes,
        REPOS__BRANCHED__URL=notes,
        REPOS__BRANCHED__BRANCH="next",
        REPOS__EMPTY__URL=str(empty),
        REPOS__GONE__URL=f"https://user:{KEY}@127.0.0.1:1/x.git",
        REPOS__OPTION__URL="./--upload-pack=touch x",
    )
    said = {finding.name: finding.detail for finding in wrong(await checks_outside.repositories(given))}
    assert set(said) == {"repository branched", "repository empty", "repository gone", "repository option"}
    assert "has no branch next" in said["repository branched"]


async def test_remotes_of_layers(ready: Path) -> None:
    assert not await checks_outside.layers(await load(ready))
    empty = ready / "empty.git"
    await asyncio.to_thread(subprocess.run, ["git", "init", "-q", "--bare", str(empty)], check=True)
    given = await load(ready, CONTEXT__NOTES=str(empty), CONTEXT__KNOWLEDGE=str(Home(ready).layer("notes")))
    found = await checks_outside.layers(given)
    assert not wrong(found)
    assert "will get what is here" in found[1].detail
    lost = await load(ready, CONTEXT__NOTES=f"https://user:{KEY}@127.0.0.1:1/x.git")
    [said] = wrong(await checks_outside.layers(lost))
    assert said.name == "layer notes"
    assert KEY not in said.detail


@pytest.mark.parametrize("ending", [RuntimeError("broken"), Rejected("no", remedy="do"), TimeoutError()])
async def test_a_check_that_breaks_is_a_finding(ending: Exception) -> None:
    async def breaks() -> Sequence[Finding]:
        raise ending

    check: Callable[[], Awaitable[Sequence[Finding]]] = breaks
    [found] = await doctor.limited("it", check)
    assert (found.name, found.ok) == ("it", False)
    assert found.remedy


async def test_a_check_that_hangs_is_a_finding() -> None:
    async def hangs() -> Sequence[Finding]:
        await asyncio.sleep(60)
        return []

    [found] = await doctor.limited("it", hangs, limit=0.01)
    assert "no answer within" in found.detail


async def test_jobs_are_told_with_what_they_lack(home: Path) -> None:
    (found,) = await checks_jobs.jobs(Settings(home=home))
    assert found.ok
    assert "distill and digest need a thread" in found.detail
    given = chores.Jobs(gc=chores.Gc(cron="61 * * * *"))
    (wrong,) = await checks_jobs.jobs(Settings(home=home, jobs=given))
    assert not wrong.ok
    assert "jobs.gc.cron" in wrong.detail
    assert "`61` is no minute" in wrong.detail
