"""A request, read as a conversation. Owns: Asked, read. Imports: hashlib, json, re. Effects: none.

The program in front of the model adds words of its own: `<system-reminder>` blocks, marks of an interruption, a note beside
loaded tools, `system`-role messages. What a person said is the rest; a *turn* begins at the last message that holds any of
it. What people say in the middle of a turn comes in a `system`-role message beside tool results, and begins no turn.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NOT_SAID = re.compile(
    r"<system-reminder>.*?</system-reminder>\s*|\[Request interrupted by user[^\]\n]*\]\s*", re.DOTALL
)
TASK = re.compile(r"<task(?:\s[^>]*)?>(.*?)</task>", re.DOTALL)
PROGRAM_SAYS = "Tool loaded."  # beside the result of a search for tools

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request says, in the pieces that a rule can match on.

    `turn` and `everything` are lines `[user] …`, `[said] …`, `[call Name] {json}`, `[result Name] …`, `[error Name] …`;
    `turn` begins after the last user text, `called` and `results` are such lines too and are empty when
    a person spoke last; `heard` is what `system`-role messages said in the middle of the turn. `key` is the same for repeated requests of one turn of one session.
    """

    user: str
    task: str
    results: str
    called: str
    after: int
    heard: str
    turn: str
    everything: str
    system: str
    tools: frozenset[str]
    key: str
    answered: int  # assistant messages so far


def texts(content: object) -> str:
    """Return the text of a content value: a string, or the text blocks of a list joined by newlines."""
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        return ""
    return "\n".join(str(block.get("text", "")) for block in content if block.get("type") == "text")


def blocks(message: Body) -> Sequence[Body]:
    """Return a message's content as blocks."""
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def spoken(message: Body) -> str:
    """Return what a person said in a user message, without the program's own reminders."""
    if message["role"] != "user":
        return ""
    said = [block for block in blocks(message) if block.get("text") != PROGRAM_SAYS]
    return NOT_SAID.sub("", texts(said)).strip()


def read(body: Body, *, session: str = "") -> Asked:
    """Read a valid request body. `session` tells apart two sessions that say the same words."""
    messages = [message for message in body["messages"] if message["role"] != "system"]
    said = [(index, words) for index, message in enumerate(messages) if (words := spoken(message))]
    start, user = said[-1] if said else (-1, "")
    tasks = TASK.findall(user)
    names = {
        str(block["id"]): str(block["name"])
        for message in messages
        for block in blocks(message)
        if block.get("type") == "tool_use"
    }
    last = [
        block
        for block in blocks(messages[-1])
        if block.get("type") == "tool_result" and start + 1 < len(messages)
    ]
    answers = {block["tool_use_id"] for block in last}
    calls = [
        call
        for message in messages[-2:-1]
        for call in blocks(message)
        if call.get("type") == "tool_use" and call["id"] in answers
    ]
    beginning = "\n".join([session, str(len(said)), said[0][1] if said else "", user])
    return Asked(
        user=user,
        task=tasks[-1].strip() if tasks else user,
        results="\n".join(result_line(block, names) for block in last),
        called="\n".join(call_line(call) for call in calls),
        heard=heard(body),
        after=sum(message["role"] == "assistant" for message in messages[start + 1 :]),
        turn="\n".join(line for message in messages[start + 1 :] for line in lines(message, names)),
        everything="\n".join(line for message in messages for line in lines(message, names)),
        system="\n".join(
            [texts(body.get("system", "")), *(texts(m["content"]) for m in system_messages(body))]
        ),
        tools=frozenset(str(tool.get("name", "")) for tool in body.get("tools") or ()),
        key=hashlib.sha256(beginning.encode(errors="replace")).hexdigest(),
        answered=sum(message["role"] == "assistant" for message in messages),
    )


def earlier(body: Body) -> Iterator[Body]:
    """Yield the request as it was before each assistant message, oldest first."""
    messages = body["messages"]
    for index, message in enumerate(messages):
        if message["role"] == "assistant" and index:
            yield {**body, "messages": messages[:index]}


def system_messages(body: Body) -> list[Body]:
    """Return the `system`-role messages of a request."""
    return [message for message in body["messages"] if message["role"] == "system"]


def heard(body: Body) -> str:
    """Return what the turn's `system`-role messages say after its first answer."""
    told: list[str] = []
    answered = False
    for message in body["messages"]:
        if spoken(message):
            told, answered = [], False
        elif message["role"] == "assistant":
            answered = True
        elif message["role"] == "system" and answered:
            told.append(texts(message["content"]))
    return "\n".join(told)


def result_line(block: Body, names: Mapping[str, str]) -> str:
    """Spell a tool result, without the program's reminders; `names` are tools' names by call id."""
    kind = "error" if block.get("is_error") else "result"
    words = NOT_SAID.sub("", texts(block.get("content", ""))).strip()
    return f"[{kind} {names.get(block['tool_use_id'], '?')}] {words}"


def call_line(block: Body) -> str:
    """Spell a tool call on one line."""
    return f"[call {block['name']}] {json.dumps(block['input'], ensure_ascii=False)}"


def lines(message: Body, names: Mapping[str, str]) -> Iterator[str]:
    """Yield a message as lines of the log; `names` are tools' names by call id."""
    if words := spoken(message):
        yield f"[user] {words}"
    for block in blocks(message):
        match block.get("type"):
            case "text" if message["role"] == "assistant":
                yield f"[said] {block['text']}"
            case "tool_use":
                yield call_line(block)
            case "tool_result":
                yield result_line(block, names)
            case _:
                pass
