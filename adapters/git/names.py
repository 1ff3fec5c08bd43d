"""What git is told by name. Owns: the rules for commits, branches, URLs and foreign words. Imports: core. Effects: none."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from core import errors, ids

ZERO = "0" * 40
LOOPS = "refs/heads/loop/"

_SHA = re.compile(r"[0-9a-f]{40}")
_BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")
_REPO = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# A host needs a user or a dot, or else a scheme or a drive letter would pass for one.
_SCP = re.compile(r"(?:\w[\w.-]*@\w[\w.-]*|\w[\w-]*\.[\w.-]*):(?!//|:|-)[^:\s\\]+", re.ASCII)
_SCHEMES = frozenset({"file", "https", "ssh"})
_FATAL = re.compile(r"^(?:fatal|error|remote): ")
_ADVICE = (
    "fatal: Could not read from remote repository",
    "Please make sure you have the correct access rights",
    "and the repository exists",
)
_USERINFO = re.compile(r"(?<=://)[^/@\s]+@")
# Controls, and the marks that reorder or hide text, are never shown to a person.
_UNSEEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)


def is_sha(text: str) -> bool:
    """Say whether `text` is a full lower-case SHA-1 and nothing else."""
    return _SHA.fullmatch(text) is not None


def sha(text: str) -> str:
    """Return `text` if it is a full commit id. Raises BadInput."""
    if not is_sha(text):
        raise errors.BadInput(f"“{clean(text, 60)}” is no full commit id.", remedy="Give all 40 hex digits.")
    return text


def branch(text: str) -> str:
    """Return `text` if it can name a branch: stricter than git, so that no program reads it as anything else. Raises BadInput."""
    plain = _BRANCH.fullmatch(text) is not None and len(text) <= 200 and ".." not in text
    if not plain or any(part.endswith((".", ".lock")) for part in text.split("/")):
        raise errors.BadInput(
            f"“{clean(text, 60)}” can't name a branch.",
            remedy="Use letters, digits, dots, dashes and slashes, and begin with a letter or digit.",
        )
    return text


def repo(text: str) -> str:
    """Return `text` if it can name a repository (and so a folder). Raises BadInput."""
    if _REPO.fullmatch(text) is None or ".." in text or text.endswith((".git", ".lock", ".")):
        raise errors.BadInput(
            f"“{clean(text, 60)}” can't name a repository.",
            remedy="Use letters, digits, dots and dashes, 64 at most.",
        )
    return text


def origin(name: str, url: str) -> str:
    """Return `url` if it is an absolute path or a file, https or ssh address. Raises BadInput naming the repo."""
    local = url.startswith("/") or _SCP.fullmatch(url) is not None
    if not (is_visible(url) if local else _good_address(url)):
        raise errors.BadInput(
            f"The origin of “{name}”, {redact(clean(url, 200))}, can't be used.",
            remedy="Give an absolute path, or an https://, ssh:// or file:// address.",
        )
    return url


def _good_address(url: str) -> bool:
    if _UNSEEN.search(url) or any(mark in url for mark in (" ", "::", "\\")):
        return False
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if parts.scheme == "file":
        return not parts.netloc and parts.path.startswith("/")
    user = (parts.username or "").startswith("-")
    return parts.scheme in _SCHEMES and bool(host) and not host.startswith("-") and not user


def redact(text: str) -> str:
    """Return `text` with the user and password of every address in it taken out."""
    return _USERINFO.sub("…@", text)


def is_visible(text: str) -> bool:
    """Say whether `text` holds nothing that a person would not see: no controls, no marks that hide or reorder."""
    return _UNSEEN.search(text) is None


def clean(text: str, limit: int) -> str:
    """Return foreign text as one printable line of at most `limit` characters."""
    line = " ".join(_UNSEEN.sub(" ", text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def told(err: str, limit: int = 300) -> str:
    """Return what git says went wrong as one line without a full stop: no addresses' passwords, no advice that fits every case."""
    lines = [line.strip() for line in err.splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(_ADVICE)] or lines
    said = " · ".join(dict.fromkeys(_FATAL.sub("", line).rstrip(".") for line in telling))
    return clean(redact(said), limit)


def author(name: str) -> str:
    """Return a person's name as a commit can carry it; "somebody" when nothing is left."""
    return clean(re.sub(r"[<>]", "", name), 80).strip(" .,:;\"'") or "somebody"


def address(name: str) -> str:
    """Return the address under which a person's name stands in commits; it reaches nobody."""
    return f"{ids.slug(name)}@loopbridge.invalid"


def clean_lines(text: str) -> str:
    """Return foreign text with its lines and tabs kept and every other unseen character made visible as “?”."""
    return "\n".join(_UNSEEN.sub("?", line.replace("\t", "    ")) for line in text.split("\n"))
