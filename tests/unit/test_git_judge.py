"""What may come out of a box, and in which words the rest is turned away."""

from __future__ import annotations

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.git import judge, names, rows
from core import errors

BLOB = "1" * 40
RULES = judge.Rules()


def change(path: bytes = b"a.txt", mode: str = "100644", size: int = 1) -> judge.Change:
    return judge.Change(path=path, old_mode=judge.GONE, mode=mode, old_blob=names.ZERO, blob=BLOB, size=size)


@pytest.mark.parametrize("path", [b"a", b"a b/c", "ä/ü.txt".encode(), b".github/workflows/x.yml", b"claude/x", b"x.mcp.json",
                                  b"git/config", b".gitignore", b"a.gitmodules", "日本/語".encode()])  # fmt: skip
def test_plain_files_may_pass(path: bytes) -> None:
    assert judge.against(change(path), RULES) == ""


@pytest.mark.parametrize(
    "path",
    [b".claude/settings.json", b"a/b/.claude/x/y", b".CLAUDE/x", b".claude", ".cl\u200caude/x".encode(), b".claude /x",
     b".claude./x", b".claude::$INDEX_ALLOCATION/x", b".mcp.json", b"sub/.MCP.JSON", b".mcp.json.", b".gitattributes",
     b"x/.GitAttributes", b".gitmodules", b".gitmodules::$DATA", b"GITMOD~1", b"a/claude~1/x", ".ｍcp.json".encode()],
)  # fmt: skip
def test_protected_paths_are_seen_in_every_spelling(path: bytes) -> None:
    assert judge.is_protected(path, RULES.protected)
    assert judge.against(change(path), RULES)


@pytest.mark.parametrize(
    "path",
    [b"a\nb", b"a\x1b[0m", b"\xff", b".git/config", b"a/.GIT/x", b".git /x", ".g\u200cit/x".encode(), b"a\\b", b"a/../b", b"..",
     "a\u202eb".encode(), b"x" * 5000, b"a/ /b"],
)  # fmt: skip
def test_strange_paths_are_turned_away_in_visible_words(path: bytes) -> None:
    told = judge.against(change(path), RULES)
    assert "such a name can't be promoted" in told
    assert names.is_visible(told)
    assert len(told) < 250


def test_patterns_may_name_folders_at_any_depth() -> None:
    rules = (".github/workflows/**", "secret-*")
    assert judge.is_protected(b"a/.github/Workflows/ci.yml", rules)
    assert judge.is_protected(b"a/secret-x", rules)
    assert not judge.is_protected(b".github/ci.yml", rules)
    assert not judge.is_protected(b"secret-x/a", rules)


def test_links_submodules_and_odd_modes_are_told_apart() -> None:
    assert judge.against(change(mode="120000"), RULES).startswith("adds a symlink at a.txt")
    assert judge.against(change(mode="160000"), RULES).startswith("adds a submodule at a.txt")
    assert "the mode 100664" in judge.against(change(mode="100664"), RULES)
    assert judge.against(change(b".mcp.json", mode=judge.GONE), RULES).startswith("removes .mcp.json")


@pytest.mark.parametrize(
    ("path", "mode", "target", "why"),
    [(b".claude/settings.json", "100644", b"", "steers the agents"), (b"a/.CLAUDE/x", "100755", b"", "steers the agents"),
     (b".mcp.json", judge.GONE, b"", "agents start as their tools"), (b"x/.gitattributes", "100644", b"", "hide changes from diffs"),
     (b".gitmodules", "100644", b"", "further code is fetched"), (b"vendor/lib", "160000", b"", "at 1111111"),
     (b"docs/now", "120000", b"v2/index.md", "a link to v2/index.md"), (b"a/b/c", "120000", b"../../README", "a link to ../../README"),
     (b"a/b", "120000", b"..", "a link to .."), (b"a", "120000", b"./b", "a link to ./b")],
)  # fmt: skip
def test_what_a_person_may_allow_says_why_it_matters(path: bytes, mode: str, target: bytes, why: str) -> None:
    one = change(path, mode)
    assert judge.against(one, RULES)
    assert why in judge.matters(one, RULES, target)


@pytest.mark.parametrize(
    ("path", "mode", "target"),
    [(b".git/config", "100644", b""), (b".g\xe2\x80\x8cit/x", "100644", b""), (b"a\nb", "120000", b"c"), (b"claude~1/x", "100644", b""),
     (".ｍcp.json".encode(), "100644", b""), (b".claude./x", "100644", b""), (b".mcp.json::$DATA", "100644", b""), (b"x", "100664", b""),
     (b".claude", "120000", b"other"), (b".gitmodules", "120000", b"other"), (b".claude/sub", "160000", b""),
     (b"l", "120000", b"/etc/passwd"), (b"l", "120000", b".."), (b"a/l", "120000", b"../../x"), (b"a/l", "120000", b"b/../../x"),
     (b"l", "120000", b""), (b"l", "120000", b"."), (b"l", "120000", b".git/config"), (b"a/l", "120000", b"../.GIT/hooks"),
     (b"l", "120000", b"git~1/config"), (b"l", "120000", b"C:x"), (b"l", "120000", b"a\\b"), (b"l", "120000", b"\xff"),
     (b"l", "120000", b"a\nb"), (b"l", "120000", b"ghp_" + b"a" * 36), (b"a.txt", "100644", b"")],
)  # fmt: skip
def test_what_nobody_may_allow_has_no_reason_to(path: bytes, mode: str, target: bytes) -> None:
    assert judge.matters(change(path, mode), RULES, target) == ""


def test_what_is_too_large_to_look_at_is_for_nobody_to_allow() -> None:
    assert judge.matters(change(b".mcp.json", size=30 << 20), RULES) == ""


@given(st.lists(st.sampled_from(["a", "b", "..", ".", ""]), min_size=1, max_size=6), st.integers(0, 3))
def test_a_link_that_may_be_allowed_stays_in_its_tree(steps: list[str], depth: int) -> None:
    folder = ["d"] * depth
    target = "/".join(steps)
    if judge.leads_out("/".join([*folder, "link"]).encode(), target.encode()):
        return
    assert not target.startswith("/")
    there = posixpath.normpath("/".join(["/tree", *folder, target]))
    assert there == "/tree" or there.startswith("/tree/")


def test_sizes_are_told_in_megabytes() -> None:
    told = judge.against(change(size=30 << 20), RULES)
    assert told == "adds a.txt with 30.0 MB (the limit is 20.0 MB)"


def test_many_objections_are_counted() -> None:
    commit = judge.Candidate(
        sha="a" * 40, changes=tuple(change(f"l{n}".encode(), "120000") for n in range(50))
    )
    told = judge.objections([commit], RULES)
    assert len(told) == 21
    assert told[0] == "commit aaaaaa adds a symlink at l0 (links can't be promoted)"
    assert told[-1] == "and 30 more objections"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "a private key"),
        ("-----BEGIN PRIVATE KEY-----", "a private key"),
        ("-----BEGIN RSA PRIVATE KEY-----", "a private key"),
        ("id=AKIA" + "A1B2" * 4, "an AWS access key"),
        ("ghp_" + "a" * 36, "a GitHub token"),
        ("github_pat_" + "a" * 40, "a GitHub token"),
        ("xoxb-" + "1234567890-abc", "a Slack token"),
        ("sk-ant-" + "api03-" + "a" * 30, "an Anthropic key"),
        ("AIza" + "a" * 35, "a Google key"),
    ],
)
def test_known_secrets_are_seen(text: str, kind: str) -> None:
    assert judge.secrets_in(f"x = '{text}'".encode()) == (kind,)


@pytest.mark.parametrize(
    "text",
    ["-----BEGIN PUBLIC KEY-----", "AKIA", "MAKIA" + "A" * 16, "xoxb-", "ghp_short", "sk-ant-x", "AIza"],
)
def test_likenesses_of_secrets_pass(text: str) -> None:
    assert judge.secrets_in(text.encode()) == ()


def test_only_added_lines_count() -> None:
    assert judge.added_lines(b"a\nb\n", b"b\nc\n") == b"c"


def test_rows_are_read_whatever_the_paths_hold() -> None:
    a, b = b"a" * 40, b"b" * 40
    path = b":100644 x\n1\t2\t" + a + b" " + b + b"\n"
    raw = b":100644 100755 " + a + b" " + b + b" M\0" + path + b"\0"
    out = a + b" " + b + b"\n" + raw + b"3\t4\t" + path + b"\0" + b + b" " + a + b"\n"
    first, second = rows.parse(out)
    assert second == ()
    (only,) = first
    assert (only.path, only.mode, only.blob, only.added, only.removed) == (path, "100755", "b" * 40, 3, 4)


@given(st.binary(max_size=200))
def test_what_is_no_listing_is_refused_or_read_to_its_end(junk: bytes) -> None:
    try:
        read = list(rows.parse(junk))
    except errors.Refused:
        return
    assert junk == b"" or len(read) > 0


@given(st.binary(min_size=1, max_size=300))
def test_every_path_has_words_to_show(path: bytes) -> None:
    told = judge.shown(path)
    assert told
    assert len(told) <= 120
    assert names.is_visible(told)
    judge.against(change(path), RULES)
