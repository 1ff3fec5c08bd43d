"""A loop's manifest: every version, commit and digest its start was made from. Owns: Lock. Imports: hashlib, json. Effects: none."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """What a loop began with. The same lock means the same start."""

    loop: str
    repo: str
    base: str
    branch: str
    capsule: str  # SHA-256
    doctrine: str  # SHA-256 of the standing text
    policy: str  # SHA-256 of the rules
    cli: str  # version of the agent's CLI
    sandbox: str
    model: str
    layers: Mapping[str, str] = field(default_factory=dict)  # commits by the folder below context/

    def to_json(self) -> str:
        """Return the manifest as it is written to lock.json."""
        return json.dumps({**asdict(self), "digest": self.digest}, indent=1, sort_keys=True) + "\n"

    @property
    def digest(self) -> str:
        """Return the SHA-256 (hex) of everything in it."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()
