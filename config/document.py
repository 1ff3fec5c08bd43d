"""`python -m config.document`. Owns: the reference page and the example file. Imports: config. Effects: writes both.

Both are made from the settings themselves, so that no default or name can be wrong in them; a test holds them current.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator
from datetime import timedelta
from itertools import groupby
from pathlib import Path

from pydantic import SecretStr

from config import describe, units
from config.describe import ANY, Entry
from config.settings import Settings

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "docs" / "configuration.md"
EXAMPLE = ROOT / "config" / "example.toml"

INTRODUCTION = """# Configuration

Made from `config/sections.py` by `python -m config.document`.

Settings come from three places, each laid over the one before: the defaults below, `config.toml` in the home directory, and
`LOOPBRIDGE_…` variables, where `__` stands between section and name. `loopbridge init` writes a `config.toml` that holds every setting
as a comment with its default.

- **The home directory** is `LOOPBRIDGE_HOME`, else `~/.loopbridge`.
- **Secrets** can be given as a file: `api_key_file = "keys/model"` in `config.toml` (relative to the home), or
  `LOOPBRIDGE_MODEL__API_KEY_FILE=/run/secrets/model`. What that file holds is used without the white space around it.
- **Times** are written like `90s`, `10m`, `24h` or `1h30m`; **sizes** like `256M` or `6G`; **lists** in a variable with commas.
- A name that means nothing, or a value that cannot stand where it stands, ends the start with one line for each: the file (or
  variable), the key, what was expected, and the nearest valid name.

What the agent may do without asking is said in `policy.toml` in the home directory: ordered rules, the first that matches decides,
and what no rule matches is asked. The one that ships is `config/policy.toml`; it explains itself.
"""

HEAD = """# Every setting with its default. Take the `#` away from a line to change it.
# A LOOPBRIDGE_… variable wins over this file: LOOPBRIDGE_HTTP__PORT=8500 over `port` in [http].
# A secret can be given as a file: api_key_file = "keys/model".
"""


def reference() -> str:
    """Return the reference page."""
    return INTRODUCTION + "".join(_reference_section(name, list(found)) for name, found in _sections())


def example() -> str:
    """Return the example file; settings stand behind `#`, prose behind `# `."""
    return HEAD + "".join(_example_section(name, list(found)) for name, found in _sections())


def main() -> None:
    """Write both."""
    REFERENCE.write_text(reference(), encoding="utf-8")
    EXAMPLE.write_text(example(), encoding="utf-8")


def _sections() -> Iterator[tuple[str, Iterator[Entry]]]:
    found = (entry for entry in describe.entries(Settings) if entry.path != ("home",))
    return groupby(found, key=lambda entry: ".".join(entry.path[:-1]))


def _reference_section(name: str, found: list[Entry]) -> str:
    lines = [
        f"\n## `[{name}]`\n",
        f"{found[0].section.__doc__}\n",
        "| key | default | meaning |",
        "|---|---|---|",
    ]
    for entry in found:
        default = _toml(entry)
        described = f"{entry.field.description} Expected: {_plain(entry)}."
        shown = "required" if entry.field.is_required() else "empty" if default == '""' else f"`{default}`"
        lines.append(f"| `{entry.path[-1]}`<br>`{entry.variable}` | {shown} | {described} |")
    return "\n".join(lines) + "\n"


def _example_section(name: str, found: list[Entry]) -> str:
    optional = "#" if ANY in name else ""
    lines = [f"\n# {found[0].section.__doc__}", f"{optional}[{name.replace(ANY, 'demo')}]"]
    for entry in found:
        lines += [f"# {entry.field.description}", f"#{entry.path[-1]} = {_toml(entry)}"]
    return "\n".join(lines) + "\n"


def _plain(entry: Entry) -> str:
    return describe.expected(entry.field).replace("|", "\\|")


def _toml(entry: Entry) -> str:
    value: typing.Any = entry.field.default
    if entry.field.is_required():
        return '"https://git.example.org/team/demo.git"'
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if describe.is_size(entry.field):
        return f'"{units.spell_size(value)}"'
    if isinstance(value, timedelta):
        return f'"{units.spell_duration(value)}"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(f'"{word}"' for word in value) + "]"
    if value is None:
        return '""' if "path" in describe.expected(entry.field) else "0"
    return f'"{value}"' if isinstance(value, str) else str(value)


if __name__ == "__main__":
    main()
