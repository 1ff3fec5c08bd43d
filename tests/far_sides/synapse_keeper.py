"""Keeps one Synapse for a whole test run. Effects: starts it, ends it once nobody holds the lock, removes its folder.

Run as a program with the folder to keep; `tests.far_sides.synapse` starts it. Whoever uses the server holds a shared lock on
`users`: when the last of them is gone, however it ended, the exclusive lock comes free.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from base64 import b64encode
from pathlib import Path

from tests.far_sides import ports

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".tools" / "synapse" / "bin" / "python"
SERVER_NAME = "synapse.test"
PATIENCE = 180.0
PR_SET_PDEATHSIG = 1
FAST = {"per_second": 10_000, "burst_count": 10_000}
QUIET = "version: 1\nroot: {level: ERROR, handlers: []}\n"


def settings(folder: Path, port: int, secret: str) -> dict[str, object]:
    """Return the server's configuration: one process, sqlite, no way out, no limits but those a test sets."""
    return {
        "server_name": SERVER_NAME,
        "pid_file": str(folder / "pid"),
        "listeners": [
            {
                "port": port,
                "type": "http",
                "bind_addresses": ["127.0.0.1"],
                "resources": [{"names": ["client"], "compress": False}],
            }
        ],
        "database": {"name": "sqlite3", "args": {"database": str(folder / "synapse.db")}},
        "log_config": str(folder / "log.yaml"),
        "media_store_path": str(folder / "media"),
        "signing_key_path": str(folder / "signing.key"),
        "registration_shared_secret": secret,
        "macaroon_secret_key": secret,
        "form_secret": secret,
        "enable_registration": True,
        "enable_registration_without_verification": True,
        "report_stats": False,
        "trusted_key_servers": [],
        "federation_domain_whitelist": [],
        "bcrypt_rounds": 4,
        "presence": {"enabled": False},
        "caches": {
            "sync_response_cache_duration": "0s"
        },  # two first starts of a device within minutes are two
        "max_upload_size": "20M",
        "rc_message": FAST,
        "rc_registration": FAST,
        "rc_login": {"address": FAST, "account": FAST, "failed_attempts": FAST},
        "rc_admin_redaction": FAST,
        "rc_joins": {"local": FAST, "remote": FAST},
        "rc_joins_per_room": FAST,
        "rc_room_creation": FAST,
        "rc_invites": {"per_room": FAST, "per_user": FAST, "per_issuer": FAST},
        "rc_key_requests": FAST,
    }


def start(folder: Path, port: int, secret: str) -> subprocess.Popen[bytes]:
    """Write what Synapse needs and start it; it ends with this process."""
    (folder / "log.yaml").write_text(QUIET)
    seed = b64encode(secrets.token_bytes(32)).decode().rstrip("=")
    (folder / "signing.key").write_text(f"ed25519 a_test {seed}\n")
    (folder / "homeserver.yaml").write_text(json.dumps(settings(folder, port, secret)))
    libc = ctypes.CDLL(None)
    with (folder / "output").open("wb") as output:
        return subprocess.Popen(
            [PYTHON, "-m", "synapse.app.homeserver", "--config-path", folder / "homeserver.yaml"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM),  # noqa: PLW1509 - one thread here
        )


def healthy(url: str) -> bool:
    """Whether the server answers."""
    try:
        with urllib.request.urlopen(f"{url}/_matrix/client/versions", timeout=2) as answer:  # noqa: S310 - loopback
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def main(folder: Path) -> int:
    """Keep the server in `folder` until its users are gone."""
    port = ports.quiet()
    url, secret = f"http://127.0.0.1:{port}", secrets.token_hex(16)
    place = Path(tempfile.mkdtemp(prefix="server-", dir=folder))
    server = start(place, port, secret)
    begun = time.monotonic()
    while not healthy(url):
        if server.poll() is not None or time.monotonic() - begun > PATIENCE:
            (folder / "failed").write_text(
                (place / "output").read_text(errors="replace")[-4000:] or "it ended"
            )
            server.kill()
            return 1
        time.sleep(0.05)
    told = {"url": url, "server_name": SERVER_NAME, "secret": secret}
    (folder / "ready.tmp").write_text(json.dumps(told))
    (folder / "ready.tmp").rename(folder / "ready")
    with (folder / "users").open("w") as users:
        fcntl.flock(users, fcntl.LOCK_EX)
        (folder / "ready").unlink()
        server.terminate()
        server.wait()
        shutil.rmtree(place, ignore_errors=True)
    return 0


if __name__ == "__main__":
    os.setsid()
    sys.exit(main(Path(sys.argv[1])))
