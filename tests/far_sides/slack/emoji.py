"""Emoji by name. Owns: NAMES, coded, shown, split, points. Imports: re. Effects: none.

Slack keeps emoji as `:name:`, whoever wrote them and however; `blocks` of people's messages carry their code points too.
"""

from __future__ import annotations

import re

NAMES = {
    "eyes": "👀", "repeat": "🔁", "pushpin": "📌", "white_check_mark": "✅", "x": "❌", "infinity": "♾️", "+1": "👍", "-1": "👎", "tada": "🎉",
    "hourglass_flowing_sand": "⏳", "hourglass": "⌛", "fire": "🔥", "rocket": "🚀", "robot_face": "🤖", "warning": "⚠️",
    "octagonal_sign": "🛑", "no_entry": "⛔", "heavy_check_mark": "✔️", "question": "❓", "exclamation": "❗", "bulb": "💡",
    "lock": "🔒", "key": "🔑", "mag": "🔍", "memo": "📝", "page_facing_up": "📄", "paperclip": "📎", "bug": "🐛", "zap": "⚡",
    "large_green_circle": "🟢", "large_yellow_circle": "🟡", "red_circle": "🔴", "black_circle": "⚫", "white_circle": "⚪",
    "arrow_right": "➡️", "raised_hand": "✋", "wave": "👋", "pray": "🙏", "clap": "👏", "heart": "❤️", "smile": "😄", "joy": "😂",
    "thinking_face": "🤔", "speech_balloon": "💬", "no_entry_sign": "🚫", "double_vertical_bar": "⏸️", "arrow_forward": "▶️",
    "arrows_counterclockwise": "🔄", "sparkles": "✨", "wrench": "🔧", "package": "📦", "moneybag": "💰", "stopwatch": "⏱️",
    "alarm_clock": "⏰", "bell": "🔔", "no_bell": "🔕", "clock1": "🕐", "link": "🔗", "gear": "⚙️", "brain": "🧠", "seedling": "🌱",
    "one": "1️⃣", "two": "2️⃣", "three": "3️⃣", "four": "4️⃣", "five": "5️⃣",
}  # fmt: skip
BY_CHAR = {char: name for name, char in NAMES.items()} | {
    char.removesuffix("\ufe0f"): name for name, char in NAMES.items() if char.endswith("\ufe0f")
}
_CHARS = re.compile("|".join(map(re.escape, sorted(BY_CHAR, key=len, reverse=True))))
_NAME = re.compile(r":([a-z0-9_+'-]+):")


def coded(text: str) -> str:
    """Return a text with emoji as Slack keeps them."""
    return _CHARS.sub(lambda match: f":{BY_CHAR[match[0]]}:", text)


def shown(text: str) -> str:
    """Return a text with emoji as people see them."""
    return _NAME.sub(lambda match: NAMES.get(match[1], match[0]), text)


def split(text: str) -> list[tuple[str, str]]:
    """Return a text as runs: ("text", words) and ("emoji", name)."""
    runs: list[tuple[str, str]] = []
    end = 0
    for match in _CHARS.finditer(text):
        runs += [("text", text[end : match.start()]), ("emoji", BY_CHAR[match[0]])]
        end = match.end()
    return [run for run in [*runs, ("text", text[end:])] if run[1]]


def points(name: str) -> str:
    """Return an emoji's code points as Slack spells them, "2764-fe0f"."""
    return "-".join(f"{ord(char):x}" for char in NAMES[name])
