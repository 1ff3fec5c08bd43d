"""The rules of a script. Owns: When, Call, Fault, Reply, Rule, Model, Script, choose. Imports: re, adapters.rehearsal.asked. Effects: none."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from adapters.rehearsal import asked
from adapters.rehearsal.asked import Asked, Body

REFERENCE = re.compile(r"\{(\w+)\}")
SHOWN = 200  # characters of a message that no rule took, as its answer quotes them


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """Conditions that must all hold. Patterns are searched for, in the texts that `asked.Asked` names.

    `results` and `called` hold only when the last message answers tool calls. `after` counts assistant messages since the
    last user text; `times` is how often the rule may answer in one conversation.
    """

    patterns: Mapping[str, re.Pattern[str]] = field(default_factory=dict)
    unless: Mapping[str, re.Pattern[str]] = field(default_factory=dict)
    tools: frozenset[str] = frozenset()
    after: int | None = None
    times: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A tool call to make."""

    name: str
    input: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """How an answer goes wrong: exactly one of `status`, `cut_after`, `stall_after`, `garbage` is set.

    `status` is an HTTP error (with `after`: an error event in the stream once that many characters were sent), `cut_after`
    closes the connection and `stall_after` falls silent after so many characters, for `seconds` or for good. `times` is how
    often it happens in one turn before the rule answers well (or, if it has no answer, stands aside); None: always.
    """

    status: int | None = None
    after: int | None = None
    retry_after: float | None = None
    message: str = ""
    cut_after: int | None = None
    stall_after: int | None = None
    seconds: float | None = None
    garbage: str | None = None
    times: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer. `delay` (seconds before the first byte) and `pace` (between two deltas of `chunk` characters) slow it."""

    say: str = ""
    thinking: str = ""
    tools: tuple[Call, ...] = ()
    delay: float = 0.0
    pace: float = 0.0
    chunk: int = 48
    fault: Fault | None = None
    rule: int | None = None  # counted from 1; None when no rule matched

    @property
    def empty(self) -> bool:
        """Whether there is nothing to say once the fault is over."""
        return not (self.say or self.tools)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """When to give which reply; the reply's strings may hold `{name}` or `{1}`, for what a pattern caught."""

    number: int
    when: When
    reply: Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What the model calls itself, and token counts that replace the estimate. Without `names` it answers to any name."""

    names: tuple[str, ...] = ()
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """Rules, in order; the first that matches answers."""

    name: str
    rules: tuple[Rule, ...] = ()
    model: Model = field(default_factory=Model)


def choose(
    script: Script, body: Body, *, session: str = "", failed: Mapping[int, int] | None = None
) -> Reply:
    """Return the answer to a valid request: the first matching rule's, or a text that says that none matched.

    `failed` is how often each rule's fault already happened in this turn. Nothing is remembered between calls: how often a
    rule answered before is found by choosing again for each earlier point of the conversation.
    """
    used: Counter[int] = Counter()
    if any(rule.when.times is not None for rule in script.rules):
        for before in asked.earlier(body):
            taken = first(script, asked.read(before, session=session), used, None)
            used.update([taken.rule] if taken.rule is not None else [])
    return first(script, asked.read(body, session=session), used, failed or {})


def first(script: Script, said: Asked, used: Mapping[int, int], failed: Mapping[int, int] | None) -> Reply:
    """Return the first matching rule's reply. `failed` None means that every fault is over: a point already answered."""
    for rule in script.rules:
        if rule.when.times is not None and used.get(rule.number, 0) >= rule.when.times:
            continue
        caught = match(rule.when, said)
        if caught is None:
            continue
        fault = rule.reply.fault
        over = fault is None or failed is None
        if fault is not None and failed is not None and fault.times is not None:
            over = failed.get(rule.number, 0) >= fault.times
        if over and rule.reply.empty:
            continue
        return fill(replace(rule.reply, rule=rule.number, fault=None if over else fault), caught)
    return Reply(say=unmatched(script, said))


def match(when: When, said: Asked) -> Mapping[str, str] | None:
    """Return what the patterns caught, by name and by number (of the first pattern that has groups), or None."""
    if when.after is not None and said.after != when.after:
        return None
    if not when.tools <= said.tools:
        return None
    if any(pattern.search(getattr(said, part)) for part, pattern in when.unless.items()):
        return None
    caught: dict[str, str] = {}
    for part, pattern in when.patterns.items():
        if part in {"results", "called"} and not said.called:
            return None
        found = pattern.search(getattr(said, part))
        if found is None:
            return None
        numbered = {str(number): words or "" for number, words in enumerate(found.groups(), 1)}
        caught = {**numbered, **caught} if "1" not in caught else caught
        caught |= {name: words or "" for name, words in found.groupdict().items()}
    return caught


def fill(reply: Reply, caught: Mapping[str, str]) -> Reply:
    """Put what was caught into the reply's strings; a `{name}` that nothing caught stays as it is."""

    def put(value: object) -> object:
        match value:
            case str():
                return REFERENCE.sub(lambda found: caught.get(found[1], found[0]), value)
            case dict():
                return {key: put(item) for key, item in value.items()}
            case list():
                return [put(item) for item in value]
            case _:
                return value

    return replace(
        reply,
        say=str(put(reply.say)),
        thinking=str(put(reply.thinking)),
        tools=tuple(
            Call(name=call.name, input={key: put(item) for key, item in call.input.items()})
            for call in reply.tools
        ),
    )


def unmatched(script: Script, said: Asked) -> str:
    """Say that no rule took the last message, and which message that was."""
    facts = [f"user text “{shorten(said.user)}”", f"{said.after} assistant messages since"]
    if said.called:
        facts += [f"last calls {shorten(said.called)}", f"their results “{shorten(said.results)}”"]
    return f"The rehearsal script {script.name} has no rule for this: " + "; ".join(facts) + "."


def shorten(words: str) -> str:
    """Return both ends of a long text, where what matters usually is."""
    return words if len(words) <= SHOWN else f"{words[: SHOWN // 2]} … {words[-SHOWN // 2 :]}"
