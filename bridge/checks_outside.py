"""What doctor asks of the far sides. Owns: model, repositories, layers. Imports: adapters, bridge, aiohttp. Effects: asks them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import aiohttp

from adapters.git import names, safe
from adapters.rehearsal import script
from bridge import origins
from bridge.home import Home
from config.sections import Repo
from config.settings import Settings
from core.errors import LoopbridgeError, Unavailable
from core.ports import Finding

VERSION = "2023-06-01"  # of the Messages API
PATIENCE = 20.0
KEY = (
    'Put the key into keys/model in the home, with api_key_file = "keys/model" under [model] in config.toml.'
)


async def model(settings: Settings) -> Sequence[Finding]:
    """Read the rehearsal's script, or list the models of the real far side with the key."""
    name, given = "model", settings.model
    if given.rehearsal is not None:
        words = await asyncio.to_thread(script.load, settings.home / given.rehearsal)
        return [Finding(name=name, ok=True, detail=f"a rehearsal with {len(words.rules)} rules, offline")]
    key = given.api_key.get_secret_value()
    if given.lacks_key:
        return [Finding(name=name, ok=False, detail="no key is configured", remedy=KEY)]
    who = {"x-api-key": key} if given.auth == "x-api-key" else {"authorization": f"Bearer {key}"}
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE)) as session,
            session.get(
                f"{given.base_url}/v1/models",
                headers={**(who if key else {}), "anthropic-version": VERSION},
                allow_redirects=False,
            ) as answer,
        ):
            return [_answered(name, given.base_url, answer.status, key=bool(key))]
    except (aiohttp.ClientError, TimeoutError, ValueError, OSError) as exc:
        why = "no answer in time" if isinstance(exc, TimeoutError) else type(exc).__name__
        remedy = "Check model.base_url in config.toml, and the way out of this machine."
        return [
            Finding(name=name, ok=False, detail=f"{given.base_url} cannot be reached ({why})", remedy=remedy)
        ]


async def repositories(settings: Settings) -> Sequence[Finding]:
    """Ask the origin of each repository what it holds."""
    if not settings.repos:
        remedy = f"Name one: [repos.NAME] with its url in {Home(settings.home).config}."
        return [Finding(name="repositories", ok=True, detail="none is configured", remedy=remedy)]
    git = _git(settings)
    return await asyncio.gather(*(_origin(git, name, repo) for name, repo in settings.repos.items()))


async def layers(settings: Settings) -> Sequence[Finding]:
    """Ask the remotes of the team's layers whether they can be read; an empty one is well."""
    given = {"knowledge": settings.context.knowledge, "notes": settings.context.notes}
    git = _git(settings)
    return await asyncio.gather(*(_layer(git, name, url) for name, url in given.items() if url))


def _git(settings: Settings) -> safe.SafeGit:
    return safe.SafeGit(
        globals_at=settings.home / "repos" / "host.gitconfig", grants=origins.grants(settings)
    )


async def _layer(git: safe.SafeGit, name: str, url: str) -> Finding:
    label = f"layer {name}"
    remedy = (
        f"Check context.{name} in config.toml, and git.ssh_key and git.known_hosts if it is reached by ssh."
    )
    try:
        async with asyncio.timeout(PATIENCE):
            done = await git.run(safe.NOWHERE, "ls-remote", "--heads", "--", url, remote=True)
    except (TimeoutError, LoopbridgeError) as exc:
        why = str(exc) if isinstance(exc, Unavailable) else "no answer in time"
        return Finding(name=label, ok=False, detail=why, remedy=remedy)
    if done.code:
        why = names.told(done.err)
        return Finding(name=label, ok=False, detail=f"its remote cannot be read: {why}", remedy=remedy)
    heads = [line.partition("refs/heads/")[2] for line in done.text.splitlines()]
    if heads and "main" not in heads:
        remedy = "Rename its default branch to main, or give an empty repository."
        return Finding(
            name=label, ok=False, detail="its remote has branches, but none called main", remedy=remedy
        )
    return Finding(
        name=label,
        ok=True,
        detail="its remote answers" if heads else "its remote is empty and will get what is here",
    )


def _answered(name: str, where: str, status: int, *, key: bool) -> Finding:
    if status in (401, 403):
        said = "refuses the key" if key else "wants a key, and none is configured"
        return Finding(name=name, ok=False, detail=f"{where} {said} ({status})", remedy=KEY)
    ok = status == 200
    remedy = "" if ok else "Check model.base_url in config.toml; if it is right, try again later."
    return Finding(
        name=name, ok=ok, detail=f"{where} answers{'' if ok else f' with {status}'}", remedy=remedy
    )


async def _origin(git: safe.SafeGit, name: str, repo: Repo) -> Finding:
    label = f"repository {name}"
    remedy = f"Check repos.{name}.url in config.toml, and that this user may read it: git ls-remote <url>"
    try:
        async with asyncio.timeout(PATIENCE):
            done = await git.run(safe.NOWHERE, "ls-remote", "--heads", "--", repo.url, remote=True)
    except (TimeoutError, LoopbridgeError) as exc:
        why = str(exc) if isinstance(exc, Unavailable) else "no answer in time"
        return Finding(name=label, ok=False, detail=why, remedy=remedy)
    heads = [line.partition("refs/heads/")[2] for line in done.text.splitlines()]
    if done.code:
        why = names.told(done.err)
        return Finding(name=label, ok=False, detail=f"its origin cannot be read: {why}", remedy=remedy)
    if not heads:
        return Finding(
            name=label, ok=False, detail="its origin is empty", remedy="Push a first commit to it."
        )
    if repo.branch and repo.branch not in heads:
        remedy = f"Set repos.{name}.branch to one of: {', '.join(sorted(heads)[:10])}."
        return Finding(name=label, ok=False, detail=f"its origin has no branch {repo.branch}", remedy=remedy)
    return Finding(name=label, ok=True, detail=f"branches at its origin: {len(heads)}")
