"""What may come out of a box, and in which words the rest is turned away."""

from __future__ import annotations

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
