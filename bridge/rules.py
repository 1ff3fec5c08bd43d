"""The rules of consent, from the file to the core. Owns: load. Imports: config, core. Effects: reads a file."""

from __future__ import annotations

from pathlib import Path

from config import rules
from core.policy import Policy, Rule


def load(path: Path = rules.SHIPPED) -> Policy:
    """Return the policy that a `policy.toml` spells, the shipped one when there is no such file. Raises ConfigError."""
    return Policy(rules=tuple(rule for entry in rules.load(path) for rule in _rules(entry)))


def _rules(entry: rules.Entry) -> list[Rule]:
    """Spell out an entry: one rule for each of its tools and each of its patterns."""
    return [
        Rule(tool=tool, action=entry.action, command=command, path=path, name=entry.name)
        for tool in entry.tool
        for command in entry.command or ("",)
        for path in entry.path or ("",)
    ]
