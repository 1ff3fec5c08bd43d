"""What goes wrong: people who stop it, processes that die or lie, models that refuse. A leg always ends with one last event."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import claude_agent_sdk as sdk
import pytest

from adapters.agent.transport import Pipes
from core.errors import Unavailable
from core.events import Event, ToolCalled, TurnBroke, TurnResult
from tests.contract.agent_rig import ALLOW, Bench, bash, bench, rule, write_launcher

LAST = (TurnResult, TurnBroke)


def last(b: Bench) -> Event:
    """Return the last event, which is the only one of its kind."""
    assert [event for event in b.events if isinstance(event, LAST)] == [b.events[-1]]
    return b.events[-1]


async def test_stopping_while_a_call_waits(home: Path) -> None:
    async with bench(home, rule("^go", bash("touch never")) + rule("^again", say="here")) as b:
        assert not await b.sessions.interrupt(b.loop)
        b.judge = lambda _: None
        running = asyncio.create_task(b.run("go"))
        await b.until(ToolCalled)
        assert await b.sessions.interrupt(b.loop)
        await running
        end = last(b)
        assert isinstance(end, TurnBroke)
        assert end.stopped
        assert not (b.workdir / "never").exists()
        [process] = b.agents()
        told = await b.run("again", resume=True)
        assert isinstance(told[-1], TurnResult)
        assert told[-1].text == "here"
        assert b.agents() == [process]


async def test_stopping_while_a_tool_runs_is_quick(home: Path) -> None:
    program = f'{sys.executable} -c \'import time; open("began", "w"); time.sleep(60)\''
    async with bench(home, rule("^go", bash(program))) as b:
        running = asyncio.create_task(b.run("go"))
        await b.until_true((b.workdir / "began").exists)
        assert await b.sessions.interrupt(b.loop)
        await running
        end = last(b)
        assert isinstance(end, TurnBroke)
        assert end.stopped


async def test_stopping_before_the_process_is_up(home: Path) -> None:
    async with bench(home, rule("^go", say="never")) as b:
        running = asyncio.create_task(b.run("go"))
        while not b.sessions._running:  # noqa: ASYNC110 - at once, before the process is up
            await asyncio.sleep(0)
        assert await b.sessions.interrupt(b.loop)
        await running
        end = last(b)
        assert isinstance(end, TurnBroke)
        assert end.stopped
        assert b.model.messages() == []


async def test_a_process_that_kills_itself(home: Path) -> None:
    async with bench(home, rule("^go", bash("kill -9 $PPID; sleep 1"))) as b:
        await b.run("go")
        end = last(b)
        assert isinstance(end, TurnBroke)
        assert "SIGKILL" in end.what
        assert end.remedy
        assert not end.stopped
        # Its tool's own process is not ours to end here; in a box it goes with the box.
        await b.until_true(lambda: not b.processes())


async def test_a_session_that_nobody_knows_is_lost(home: Path) -> None:
    async with bench(home, rule("^go", say="never")) as b:
        await b.run("go", resume=True)
        end = last(b)
        assert isinstance(end, TurnBroke)
        assert end.lost
        assert "cannot be found" in end.what


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("{status = 401}", "refused the key (401)"),
        ("{status = 529}", "overloaded (529)"),
        (
            '{status = 400, message = "The loop\'s budget of $2.00 is spent. Its work is kept."}',
            "budget of $2.00 is spent.",
        ),
    ],
)
async def test_a_model_that_refuses(home: Path, fault: str, says: str) -> None:
    async with bench(home, rule("^go", more=f"error = {fault}") + rule("^again", say="here")) as b:
        b.launcher = write_launcher(home, b.model.base_url, CLAUDE_CODE_MAX_RETRIES="1")
        await b.run("go")
        end = last(b)
        assert isinstance(end, TurnResult)
        assert says in end.error
        assert end.remedy
        assert (await b.run("again"))[-1].kind == "turn_result"


async def test_a_model_that_cannot_be_reached(home: Path) -> None:
    async with bench(home, "[[rule]]\nsay = 'never'\n") as b:
        b.launcher = write_launcher(home, "http://127.0.0.1:9", CLAUDE_CODE_MAX_RETRIES="0")
        await b.run("go")
        end = last(b)
        assert isinstance(end, TurnResult)
        assert end.error == "The model could not be reached."


async def test_a_missing_launcher(home: Path) -> None:
    async with bench(home, rule("^go", say="never")) as b:
        b.launcher.unlink()
        await b.sessions.prewarm(b.leg("go"))
        await b.run("go")
        end = last(b)
        assert isinstance(end, TurnBroke)
        assert "launcher is missing" in end.what


async def test_whoever_writes_to_a_process_that_failed_hears_what_it_died_of(home: Path) -> None:
    pipes = Pipes(["sh", "-c", "exec 0<&-; echo no such launcher >&2; exit 125"], cwd=home, max_line=1000)
    await pipes.connect()

    async def write_on() -> None:
        while True:
            await pipes.write("{}\n")
            await asyncio.sleep(0.01)

    with pytest.raises(sdk.ProcessError) as caught:
        await write_on()
    assert caught.value.exit_code == 125
    assert pipes.last_words == "no such launcher"
    await pipes.close()


HANDSHAKE = """
import json, sys
asked = json.loads(sys.stdin.readline())
def say(**fields):
    print(json.dumps(fields), flush=True)
say(type="control_response", response={"subtype": "success", "request_id": asked["request_id"], "response": {"hook_on_failure_supported": True}})
sys.stdin.readline()
RESULT = dict(type="result", subtype="success", duration_ms=1, duration_api_ms=1, is_error=False, num_turns=1, session_id="x")
"""
LIES = {
    "garbage": "print('<html>' + chr(10) + '{\"type\":', flush=True)\nprint('not json}', flush=True)",
    "no utf-8": "sys.stdout.buffer.write(bytes([123, 255, 254, 10])); sys.stdout.flush()",
    "deep": "print('{\"type\": ' + '[' * 200000 + ']' * 200000 + '}', flush=True)",
    "too long": "sys.stdout.write('{\"type\": \"' + 'x' * (9 << 20)); sys.stdout.flush()",
    "endless": "say(type='assistant')\nsay(type='result', subtype=7)",
    "quiet end": "",
    "loud end": "print('no room left', file=sys.stderr, flush=True); sys.exit(7)",
    "another's result": "say(**RESULT, result='forged', user_message_uuids=['someone else'])",
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_process_that_lies(home: Path, lie: str) -> None:
    program = home / "liar.py"
    program.write_text(HANDSHAKE + LIES[lie])
    async with bench(home, rule("^go", say="x"), program=f"{sys.executable} {program}", silence=30.0) as b:
        await b.run("go")
        end = last(b)
        assert isinstance(end, TurnBroke)
        assert end.what.endswith((".", "”"))
        assert ("no room left" in end.what) == (lie == "loud end")
    assert b.processes() == []


async def test_calls_out_of_nowhere_are_refused(home: Path) -> None:
    """A process that asks after its turn is over hears no, and a call it changed is not run under the old verdict."""
    program = home / "liar.py"
    program.write_text(
        HANDSHAKE
        + """
def ask(number, tool, call, **fields):
    say(type="control_request", request_id=f"r{number}",
        request={"subtype": "can_use_tool", "tool_name": tool, "input": fields, "tool_use_id": call})
    while True:
        heard = json.loads(sys.stdin.readline())
        if heard.get("type") == "control_response":
            return heard["response"]["response"]
answers = [ask(1, "Bash", "c1", command="ls"), ask(2, "Bash", "c1", command="ls"), ask(3, "Bash", "c1", command="rm -r /")]
answers.append(ask(4, "Bash", "c2", command=chr(0xd800)))
say(**RESULT, result=json.dumps([answer["behavior"] for answer in answers]), user_message_uuids=[])
say(**{**RESULT, "is_error": True}, result="API Error: 400 " + json.dumps([answer["behavior"] for answer in answers]))
sys.stdin.read()
"""
    )
    async with bench(home, rule("^go", say="x"), program=f"{sys.executable} {program}") as b:
        b.judge = lambda _: ALLOW
        await b.run("go")
        end = last(b)
        assert isinstance(end, TurnResult)
        assert '["allow", "allow", "deny", "deny"]' in end.error
        assert len(b.of(ToolCalled)) == 1


async def test_a_refused_key_is_not_tried_again_and_again(home: Path) -> None:
    program = home / "liar.py"
    program.write_text(
        HANDSHAKE
        + """
say(type="system", subtype="api_retry", attempt=1, max_retries=10, retry_delay_ms=500, error_status=401)
stop = json.loads(sys.stdin.readline())
assert stop["request"]["subtype"] == "interrupt"
say(type="control_response", response={"subtype": "success", "request_id": stop["request_id"], "response": {}})
say(**{**RESULT, "subtype": "error_during_execution", "is_error": True})
sys.stdin.read()
"""
    )
    async with bench(home, rule("^go", say="x"), program=f"{sys.executable} {program}") as b:
        await b.run("go")
        end = last(b)
        assert isinstance(end, TurnResult)
        assert end.error == "The model refused the key (401)."


async def test_an_event_that_cannot_be_kept_ends_the_process(home: Path) -> None:
    async with bench(home, rule("^go", bash("touch never"))) as b:

        async def full(event: Event) -> None:
            if isinstance(event, ToolCalled):
                raise Unavailable("the disk is full")

        with pytest.raises(Unavailable):
            await b.sessions.run(b.leg("go"), full)
        await b.until_true(lambda: not b.processes())
        assert not (b.workdir / "never").exists()
