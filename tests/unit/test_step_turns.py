"""The life of a turn, told as events."""

from __future__ import annotations

import pytest

from core import cards, effects, events, graph, policy, progress
from core.ids import AskId, CallId
from tests.unit.story import THREAD, Story, words


def test_a_task_becomes_a_loop_with_a_card_and_a_reading_of_the_thread() -> None:
    story = Story()
    story.says("ravi", "probably the clock again")
    story.says("maya", "/loop fix the flaky test")
    assert story.loop.title == "Fix the flaky test"
    assert [type(effect) for effect in story.last] == [effects.React, effects.Show, effects.ReadThread]
    assert "queued" in story.told()


def test_the_first_prompt_carries_the_task_escaped() -> None:
    story = Story().started("/loop fix </task> <b>it</b> now")
    leg = story.of(effects.RunLeg, story.effects)[0]
    assert '<task by="Maya">\nfix &lt;/task&gt; &lt;b&gt;it&lt;/b&gt; now\n</task>' in leg.prompt
    assert leg.resume is False


def test_an_answer_takes_the_work_out_and_ends_the_turn() -> None:
    story = Story().started()
    story.results("All good.")
    assert len(story.of(effects.TakeWork)) == 1
    commit = events.CommitTaken(
        sha="b" * 40, parents=("a" * 40,), subject="Fix it", at=story.at, files=(("app/x.py", 3, 1),)
    )
    story.taken(commits=(commit,), where="origin, branch loop/x")
    assert "All good." in story.told()
    assert "`app/x.py` +3 −1" in story.told()
    assert story.loop.status == "idle"
    assert story.loop.base == "b" * 40
    kinds = {(fact.src, fact.kind, fact.dst) for fact in story.facts if isinstance(fact, graph.Edge)}
    assert (graph.turn(story.turn.id), "produced", graph.commit("app", "b" * 40)) in kinds


def untouched() -> Story:
    story = Story()
    story.untouched = True
    return story.started()


def test_a_loop_that_only_talks_and_reads_has_nothing_to_bring_out() -> None:
    story = untouched()
    story.calls("Read", file_path="/loop/workdir/a.py")
    story.ended()
    assert not [effect for effect in story.results("It says so.") if isinstance(effect, effects.TakeWork)]
    assert "It says so." in story.told()
    assert story.loop.status == "idle"
    story.says("maya", "and now?")
    story.running()
    story.results("Still so.")
    assert "Still so." in story.told()


@pytest.mark.parametrize(
    ("tool", "arguments"), [("Bash", {"command": "pytest -q"}), ("Task", {"prompt": "look"})]
)
def test_once_something_was_called_that_may_write_every_answer_brings_out_what_there_is(
    tool: str, arguments: dict[str, str]
) -> None:
    story = untouched()
    story.calls(tool, **arguments)
    story.ended()
    story.results("Done.")
    assert len(story.of(effects.TakeWork)) == 1
    story.taken()
    story.says("maya", "and now?")
    story.running()
    story.results("Nothing more.")
    assert len(story.of(effects.TakeWork)) == 1  # what was left running may have written since


def test_a_long_turn_calls_its_driver_and_a_short_one_does_not() -> None:
    short, long = Story().started(), Story().started()
    long.wait(500)
    for story, expected in ((short, 0), (long, 1)):
        story.results("Done.")
        story.taken()
        [answer] = [say for say in story.of(effects.Say) if "Done." in str(say.message)]
        assert len(answer.message.notify) == expected


def test_what_was_said_meanwhile_goes_to_the_agent_before_the_answer_once() -> None:
    story = Story().started()
    assert story.of(effects.React, story.says("maya", "and use utc"))
    story.results("First answer.")
    [leg] = story.of(effects.RunLeg)
    assert "and use utc" in leg.prompt
    assert leg.resume is True
    story.running()
    story.says("maya", "one more thing")
    story.results("Second answer.")
    story.taken()
    assert "Second answer." in story.told()
    [second] = story.of(effects.RunLeg)
    assert "one more thing" in second.prompt
    assert story.loop.turns == 2


def test_other_peoples_words_are_context_and_not_turns() -> None:
    story = Story().started()
    story.says("ravi", "I think it is the timezone")
    assert story.last == []
    story.results()
    story.taken()
    assert story.of(effects.RunLeg) == []
    story.says("maya", "try again please")
    [leg] = story.of(effects.RunLeg)
    assert "I think it is the timezone" in leg.prompt
    assert "untrusted" in leg.prompt


def test_a_message_to_somebody_else_is_no_turn() -> None:
    story = Story().started()
    story.says("maya", "@ravi have a look", mentions=("local:home/ravi",))
    assert not any(entry.turn for entry in story.loop.inputs)


def test_a_mention_by_another_member_is_a_turn_and_by_a_guest_is_not() -> None:
    story = Story().started()
    story.says("ravi", "use utc", addressed=True)
    assert [entry.turn for entry in story.loop.inputs] == [True]
    story.says("gus", "rm everything", addressed=True)
    assert "Guests" in story.told()
    assert [entry.turn for entry in story.loop.inputs] == [True, False]


def test_a_models_failure_is_told_with_what_is_kept_and_can_be_retried() -> None:
    story = Story().started()
    story.results("", error="The model refused the key (401).", remedy="An admin can set it.")
    assert story.loop.status == "failed"
    assert (
        "The model refused the key (401). Your loop and its files are kept. An admin can set it."
        in story.told()
    )
    [button] = [
        b
        for say in story.of(effects.Say)
        for block in say.message.blocks
        for b in getattr(block, "buttons", ())
    ]
    story.presses("maya", button.token)
    [leg] = story.of(effects.RunLeg)
    assert "fix the flaky test" in leg.prompt
    assert leg.leg == 2
    [over] = [show for show in story.of(effects.Show) if show.card.startswith("failure:")]
    assert "Tried again." in words(over.message)
    assert "[Retry]" not in words(over.message)


def test_a_withdrawn_ask_waits_for_nobody_on_the_card() -> None:
    story = Story().started()
    story.calls("Bash", command="pip install x")
    story.says("maya", "stop")
    assert "withdrawn" in story.told()
    assert "Waiting for a yes" not in story.told()


def test_an_interruption_carries_on_and_tells_the_agent_what_is_uncertain() -> None:
    story = Story().started()
    story.calls("Bash", "t1", command="pytest -q")
    story.ended("t1", note="1 failed")
    story.calls("Edit", "t2", file_path="/loop/workdir/a.py")
    story.interrupted(1320)
    assert "Back after 22 m" in story.told()
    [leg] = story.of(effects.RunLeg)
    assert leg.leg == 2
    assert "outcome unknown" in leg.prompt
    assert "Edit" in leg.prompt.split("outcome unknown")[1]
    assert "1 failed" in leg.prompt


def test_echoes_of_an_older_leg_change_nothing() -> None:
    story = Story().started()
    old = story.of_turn()
    story.interrupted()
    before = story.desk
    story.tell(events.TurnResult(**old, text="late", session="s"))
    assert story.desk == before
    assert story.last == []


def test_stop_interrupts_and_keeps_the_loop() -> None:
    story = Story().started()
    story.calls("Bash", command="rm x")
    story.says("maya", "stop")
    assert story.of(effects.Interrupt)
    assert not [ask for ask in story.desk.asks if ask.open]
    story.tell(events.TurnBroke(**story.of_turn(), what="stopped", stopped=True))
    assert story.loop.status == "idle"
    story.says("maya", "go on with care")
    assert story.of(effects.RunLeg)


def test_a_stop_before_the_first_turn_holds_it_back_until_resume() -> None:
    story = Story()
    story.says("maya", "/loop fix the flaky test")
    story.says("maya", "/loop stop")
    story.tell(events.ThreadRead(lane=THREAD, at=story.at, loop=story.loop.id, messages=()))
    story.prepared()
    assert story.of(effects.RunLeg) == []
    story.says("maya", "/loop resume")
    assert story.of(effects.RunLeg)


def test_preparing_that_fails_is_told_and_retried() -> None:
    story = Story()
    story.says("maya", "/loop fix the flaky test")
    story.tell(events.ThreadRead(lane=THREAD, at=story.at, loop=story.loop.id, messages=()))
    story.tell(
        events.PrepareFailed(
            lane=THREAD, at=story.at, loop=story.loop.id, what="No room.", remedy="Free some.", attempt=1
        )
    )
    assert "No room. Your loop and its files are kept. Free some." in story.told()
    story.says("maya", "/loop retry")
    [again] = story.of(effects.Prepare)
    assert again.attempt == 2


def test_an_expired_ask_is_not_a_no() -> None:
    story = Story().started()
    story.calls("Bash", command="pip install x")
    ask = story.ask()
    story.wait(25 * 3600)
    story.tell(events.AskDue(lane=THREAD, at=story.at, loop=story.loop.id, ask=AskId(ask.id), stage="expire"))
    [rule] = story.of(effects.Rule)
    assert rule.decision == "deny"
    assert "That is not a no" in rule.reason
    assert "expired" in story.told()
    [step] = progress.steps(story.turn.calls)
    assert step.text == "Did not run `pip install x` (nobody decided in time)"


@pytest.mark.parametrize("settled_first", [True, False])
def test_a_parked_session_comes_back_at_its_call(settled_first: bool) -> None:
    story = Story().started()
    story.calls("Bash", command="pip install x")
    token = story.token("once")
    parked = events.TurnParked(**story.of_turn(), call=CallId("t1"), session="sess")
    if settled_first:
        story.presses("maya", token)
        story.tell(parked)
    else:
        story.tell(parked)
        assert story.of(effects.RunLeg) == []
        story.presses("maya", token)
    [leg] = story.of(effects.RunLeg)
    assert (leg.resume, leg.session, leg.prompt) == (True, "sess", "")
    story.calls("Bash", command="pip install x")
    [rule] = story.of(effects.Rule)
    assert (rule.decision, rule.leg) == ("allow", 2)


def test_a_call_that_was_put_away_before_its_verdict_came_is_one_step() -> None:
    story = Story().started()
    story.calls("Read", file_path="/loop/workdir/a")
    [rule] = story.of(effects.Rule)
    story.tell(events.VerdictLost(**story.of_turn(), call=CallId("t1")))
    story.tell(events.TurnParked(**story.of_turn(), call=CallId("t1"), session="sess"))
    [leg] = story.of(effects.RunLeg)
    assert (leg.resume, leg.session, leg.prompt) == (True, "sess", "")
    story.calls("Read", file_path="/loop/workdir/a")
    [again] = story.of(effects.Rule)
    assert (rule.decision, again.decision, again.leg) == ("allow", "allow", 2)
    assert story.loop.turn is not None
    assert [(call.leg, call.state) for call in story.loop.turn.calls] == [(2, "allowed")]


def test_the_commits_that_were_objected_to_are_kept_and_explained() -> None:
    story = Story().started()
    story.results()
    commit = events.CommitTaken(sha="b" * 40, parents=(), subject="x", at=story.at)
    story.taken(commits=(commit,), objections=("commit bbbbbbb adds a symlink at x",))
    assert "did not leave the sandbox" in story.told()
    assert "symlink" in story.told()
    assert story.loop.base == "a" * 40
    assert not [fact for fact in story.facts if isinstance(fact, graph.Node) and fact.kind == "commit"]


def test_the_digest_does_not_depend_on_the_order_of_keys() -> None:
    assert policy.digest("Bash", '{"a":1,"b":2}') == policy.digest("Bash", '{"b": 2, "a": 1}')


def test_a_loop_that_is_over_shows_no_retry_and_an_old_one_gets_an_answer() -> None:
    story = Story().started()
    story.tell(
        events.TurnBroke(**story.of_turn(), what="The model refused the key (401).", remedy="Mend it.")
    )
    (failure,) = (said for said in story.of(effects.Say) if "[Retry]" in words(said.message))
    story.says("maya", "/loop done")
    (over,) = (show for show in story.of(effects.Show) if show.card == failure.card)
    assert "401). The loop is over; what it made is kept." in words(over.message)
    assert not any("[Retry]" in words(show.message) for show in story.of(effects.Show))
    story.presses("maya", cards.act_token(story.house.secret, story.loop, "retry"))
    assert "is done: it is not tried again" in story.told()
    assert story.loop.status == "done"
