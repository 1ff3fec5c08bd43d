"""The rehearsal in front of the real CLI: everything that the program asks for is taken, everything it is told is understood."""

from __future__ import annotations

import asyncio
import os
import signal
import uuid
from pathlib import Path

import pytest
from claude_agent_sdk import (
    ProcessError,
)

from adapters.rehearsal import script
from adapters.rehearsal.server import Rehearsal
from tests.contract.rehearsal_rig import no_objections, talk, until

SCRIPT = """
[[rule]]
when.user = "^limited"
error = {status = 429, retry_after = 1, times = 2}
[[rule]]
when.user = "^limited"
say = "after the limit"
[[rule]]
when.user = "^overloaded"
error = {status = 529, times = 2}
[[rule]]
when.user = "^overloaded"
say = "after the load"
[[rule]]
when.user = "^cut"
say = "one two three four five six seven eight"
chunk = 4
error = {cut_after = 12, times = 1}
[[rule]]
when.user = "^late"
say = "one two three four five six seven eight"
chunk = 4
error = {status = 529, after = 12, times = 1}
[[rule]]
when.user = "^refused"
error = {status = 401}
[[rule]]
when.user = "^think"
thinking = "Let me see."
say = "thought"
[[rule]]
when.user = "look at (?P<file>\\\\S+) and run (?P<command>.+)"
when.after = 0
thinking = "Both at once."
say = "I look."
tools = [
  {name = "Read", input = {file_path = "{file}"}},
  {name = "Bash", input = {command = "{command}", description = "Run it"}},
]
[[rule]]
when.heard = 'working:\\n(.+)'
say = "heard in the middle: {1}"
[[rule]]
when.results = '(?s)(.+)'
say = "The results were: {1}"
[[rule]]
when.user = "^(.+)$"
say = "heard {1}"
"""


@pytest.mark.parametrize("name", [None, "claude-sonnet-4-5"])
async def test_parallel_calls_thinking_and_a_second_turn(tmp_path: Path, name: str | None) -> None:
    (tmp_path / "workdir").mkdir()
    note = tmp_path / "workdir" / "note.txt"
    note.write_text("a note\n")
    async with Rehearsal(script.parse(SCRIPT), key="x") as model, talk(model, tmp_path, model=name) as cli:
        result = await cli.say(f"look at {note} and run echo from-bash")
        assert not result.is_error
        assert len(cli.results) == 2
        assert cli.texts[0] == "I look."
        assert "a note" in cli.texts[-1]
        assert "from-bash" in cli.texts[-1]
        assert (await cli.say("think")).result == "thought"
        assert (await cli.say("bye")).result == "heard bye"
        no_objections(model)
        thoughts = [
            block
            for message in model.messages()[-1].body["messages"]
            if message["role"] == "assistant"
            for block in message["content"]
            if block["type"] == "thinking"
        ]
        assert thoughts
        await cli.client.get_context_usage()
        assert "/v1/messages/count_tokens" in {one.path for one in model.requests}
        no_objections(model)


@pytest.mark.parametrize(
    ("prompt", "status", "answer"),
    [("limited", 429, "after the limit"), ("overloaded", 529, "after the load")],
)
async def test_refusals_are_waited_out(tmp_path: Path, prompt: str, status: int, answer: str) -> None:
    async with Rehearsal(script.parse(SCRIPT)) as model, talk(model, tmp_path) as cli:
        result = await cli.say(prompt)
        assert result.result == answer
        assert [one.status for one in model.messages()] == [status, status, 200]
        assert [retry["error_status"] for retry in cli.retries] == [status, status]
        no_objections(model)


@pytest.mark.parametrize("prompt", ["cut", "late"])
async def test_a_broken_stream_is_asked_for_again(tmp_path: Path, prompt: str) -> None:
    async with Rehearsal(script.parse(SCRIPT)) as model, talk(model, tmp_path) as cli:
        result = await cli.say(prompt)
        assert result.result == "one two three four five six seven eight"
        assert len(model.messages()) > 1
        no_objections(model)


async def test_a_refused_key_ends_the_turn_with_its_reason(tmp_path: Path) -> None:
    async with Rehearsal(script.parse(SCRIPT)) as model, talk(model, tmp_path) as cli:
        result = await cli.say("refused")
        assert result.is_error
        assert result.api_error_status == 401
        assert [one.status for one in model.messages()] == [401]


async def test_words_in_the_middle_of_a_turn_and_after_an_interruption(tmp_path: Path) -> None:
    async with Rehearsal(script.parse(SCRIPT)) as model, talk(model, tmp_path) as cli:
        begun = tmp_path / "begun"
        await cli.client.query(f"look at /etc/hostname and run touch {begun}; sleep 2")
        await until(begun.exists)
        await cli.client.query("hurry up")
        assert (await cli.listen()).result == "heard in the middle: hurry up"
        begun.unlink()
        await cli.client.query(f"look at /etc/hostname and run touch {begun}; sleep 30")
        await until(begun.exists)
        await cli.client.interrupt()
        await cli.listen()
        assert (await cli.say("now this")).result == "heard now this"
        no_objections(model)


async def test_a_killed_session_is_resumed_with_a_call_unanswered(tmp_path: Path) -> None:
    name = str(uuid.uuid4())
    begun = tmp_path / "begun"
    async with Rehearsal(script.parse(SCRIPT)) as model:
        async with talk(model, tmp_path, session_id=name) as cli:
            await cli.say("first")
            await cli.client.query(
                f"look at /etc/hostname and run echo $PPID > {begun}.part; mv {begun}.part {begun}; sleep 30"
            )
            await until(begun.exists)
            os.kill(int(begun.read_text()), signal.SIGKILL)
            with pytest.raises(ProcessError):
                await cli.listen()
        async with talk(model, tmp_path, resume=name) as cli:
            assert (await cli.say("go on")).result == "heard go on"
        assert "heard first" in str(model.messages()[-1].body)
        no_objections(model)


async def test_many_sessions_do_not_disturb_each_other(tmp_path: Path) -> None:
    async with Rehearsal(script.parse(SCRIPT)) as model:

        async def session(number: int) -> tuple[str | None, str | None]:
            folder = tmp_path / str(number)
            async with talk(model, folder) as cli:
                await cli.say(f"look at /etc/hostname and run echo from-{number}")
                assert f"from-{number}" in cli.texts[-1]
                limited = await cli.say("limited")
                return limited.result, (await cli.say(f"bye {number}")).result

        seen = await asyncio.gather(*(session(number) for number in range(3)))
        assert seen == [("after the limit", f"heard bye {number}") for number in range(3)]
        assert sum(one.status == 429 for one in model.messages()) == 6
        no_objections(model)
