"""What can be said after `/loop`. Owns: Word, WORDS (each with its line of help), the help page's order. Imports: none. Effects: none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A subcommand: what follows it, one line of help, an example, and the group it is listed under."""

    name: str
    usage: str
    about: str
    example: str
    group: str


WORDS: tuple[Word, ...] = (
    Word(name="start", usage="<task>", about="start a loop on a task; the word itself may be left out",
         example="/loop start --repo app fix the flaky login test", group="most used"),
    Word(name="status", usage="", about="what this thread's loop is doing", example="/loop status", group="most used"),
    Word(name="stop", usage="", about="stop the running turn; nothing is lost", example="/loop stop", group="most used"),
    Word(name="approve", usage="<ask>", about="allow what the loop asks for, once", example="/loop approve 7f3", group="most used"),
    Word(name="deny", usage="<ask> [because …]", about="refuse it, with a reason the agent is told",
         example="/loop deny 7f3 because we pin versions", group="most used"),
    Word(name="answer", usage="<ask> <words or numbers>", about="answer a question of the loop", example="/loop answer 7f3 2", group="most used"),
    Word(name="list", usage="[all]", about="the loops there are", example="/loop list", group="look"),
    Word(name="log", usage="", about="the steps of this loop", example="/loop log", group="look"),
    Word(name="diff", usage="", about="what the loop changed so far", example="/loop diff", group="look"),
    Word(name="files", usage="", about="the files the loop changed", example="/loop files", group="look"),
    Word(name="context", usage="[exclude <n|link> | add <link|page|loop> | refresh]", about="what the loop was given; take something out, put something in",
         example="/loop context add knowledge/clock.md", group="look"),
    Word(name="why", usage="[commit | page | claim | fact | decision]", about="walk back to the messages and decisions something rests on",
         example="/loop why 3f2a91c", group="look"),
    Word(name="decide", usage="<text or link> [--supersedes <decision>]", about="mark a decision: it reaches loops and shows in their asks",
         example="/loop decide we pin every version --supersedes d3f", group="team"),
    Word(name="decisions", usage="[withdraw <decision>]", about="what was decided here", example="/loop decisions", group="team"),
    Word(name="usage", usage="", about="tokens and money spent", example="/loop usage", group="look"),
    Word(name="retry", usage="", about="try again what failed", example="/loop retry", group="drive"),
    Word(name="resume", usage="[words]", about="go on after a stop, with a word to the agent if you like",
         example="/loop resume but leave the API alone", group="drive"),
    Word(name="handoff", usage="<@person>", about="hand the loop to another driver", example="/loop handoff @ravi", group="drive"),
    Word(name="release", usage="", about="let go of the loop: anyone may claim it", example="/loop release", group="drive"),
    Word(name="claim", usage="[code]", about="drive a released loop; with the console's code: claim the bridge itself",
         example="/loop claim", group="drive"),
    Word(name="listen", usage="driver|members|mention", about="whose replies are turns", example="/loop listen members", group="drive"),
    Word(name="schedule", usage='"<when>" <task> | list | pause, resume or delete <id>', about="begin a loop again and again, here",
         example='/loop schedule "every weekday at 9:00" run the slow tests', group="drive"),
    Word(name="distill", usage="[thread | loop | since <when>]", about="condense what was said here into a proposal for the team's knowledge",
         example="/loop distill since yesterday", group="drive"),
    Word(name="follow", usage="<loop>", about="see a loop of another thread here, and speak to it from here", example="/loop follow a1b2c3", group="look"),
    Word(name="unfollow", usage="", about="stop following a loop from here", example="/loop unfollow", group="look"),
    Word(name="budget", usage="<dollars>", about="what the loop may spend in all", example="/loop budget 5", group="drive"),
    Word(name="rename", usage="<title>", about="give the loop another title", example="/loop rename Clock bug", group="drive"),
    Word(name="done", usage="", about="finish the loop", example="/loop done", group="drive"),
    Word(name="archive", usage="", about="finish it and put its folder away", example="/loop archive", group="drive"),
    Word(name="remember", usage="[me] <fact>", about="keep a fact for the team, or with “me” for your loops alone; as a reply: that message",
         example="/loop remember staging is at db2", group="team"),
    Word(name="forget", usage="[me] <handle or words>", about="take a fact out again", example="/loop forget m3f2", group="team"),
    Word(name="memory", usage="[me]", about="the facts the team keeps, or your own", example="/loop memory", group="team"),
    Word(name="focus", usage="[pin <text> | unpin <n>]", about="what matters now: pins, topics, loops that need somebody",
         example="/loop focus pin Ship 2.0 by Friday", group="team"),
    Word(name="tag", usage="<word>…", about="say which topics this loop belongs to", example="/loop tag auth", group="team"),
    Word(name="untag", usage="<word>…", about="take a tag off this loop", example="/loop untag auth", group="team"),
    Word(name="inbox", usage="<line>", about="put a line into the team's inbox", example="/loop inbox look at the flaky mails", group="team"),
    Word(name="promote", usage="[notes|knowledge|personal|repo] [words]", about="bring what the loop wrote to everybody; knowledge waits for a merge",
         example="/loop promote notes", group="team"),
    Word(name="proposals", usage="", about="what waits to become knowledge, in all threads", example="/loop proposals", group="team"),
    Word(name="merge", usage="<proposal>", about="make a proposal knowledge, from any thread", example="/loop merge a1b2c3", group="team"),
    Word(name="reject", usage="<proposal> [because …]", about="refuse it; its branch and the reason are kept",
         example="/loop reject a1b2c3 because it holds for staging only", group="team"),
    Word(name="edit-proposal", usage="<proposal> <words>", about="have its loop change it", example="/loop edit-proposal a1b2c3 name the source", group="team"),
    Word(name="people", usage="[add <@person> admin|member|guest | remove <@person>]", about="who may what here",
         example="/loop people add @ravi member", group="house"),
    Word(name="link", usage="[code]", about="join an account of yours in another chat, by a one-time code", example="/loop link", group="house"),
    Word(name="help", usage="[word]", about="this page, or more on one word", example="/loop help start", group="house"),
)  # fmt: skip
NAMES = tuple(word.name for word in WORDS)
BY_NAME = {word.name: word for word in WORDS}


def overview() -> Sequence[tuple[str, tuple[Word, ...]]]:
    """Return the help page: groups in order, each with its words."""
    groups = list(dict.fromkeys(word.group for word in WORDS))
    return [(group, tuple(word for word in WORDS if word.group == group)) for group in groups]
