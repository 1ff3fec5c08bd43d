"""The names git is told."""

from __future__ import annotations

import pytest

from adapters.git import names
from core import errors


@pytest.mark.parametrize("text", ["main", "loop/fix-1-a1b2c3", "feature/x.y_z", "A", "release/1.0"])
def test_branches_that_may_be(text: str) -> None:
    assert names.branch(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "-x", "a b", "a..b", "a.lock", "x/y.lock/z", "/a", "a/", "a//b", ".a", "a/.b", "a~1", "a^", "a:b", "a?", "a*", "a[",
     "a\\b", "@", "a@{1}", "a\n", "a\0", "ä", "x" * 201, "a.", "a/b./c"],
)  # fmt: skip
def test_branches_that_may_not(text: str) -> None:
    with pytest.raises(errors.BadInput) as told:
        names.branch(text)
    assert told.value.remedy


@pytest.mark.parametrize("text", ["", "-x", "..", "a/b", "ä", "a..b", "x.git", ".x", "a\n", "x" * 65])
def test_repositories_that_may_not(text: str) -> None:
    with pytest.raises(errors.BadInput):
        names.repo(text)


@pytest.mark.parametrize(
    "url",
    ["/srv/git/demo.git", "file:///srv/demo", "https://example.org/a/b.git", "https://me:pw@example.org:8443/a",
     "ssh://git@example.org/a.git", "git@example.org:a/b.git", "example.org:b.git"],
)  # fmt: skip
def test_origins_that_may_be(url: str) -> None:
    assert names.origin("demo", url) == url


@pytest.mark.parametrize(
    "url",
    ["", "-oProxyCommand=x", "--upload-pack=x", "demo", "../demo", "ext::sh -c x", "ext::/x", "fd::3", "http://example.org/a",
     "git://example.org/a", "https://", "https://-x/a", "ssh://-oProxyCommand=x/a", "ssh://-x@example.org/a", "file://host/a",
     "file:a", "https://example.org/a\nb", "-x@example.org:a", "example.org:-x", "/a\0b", "https://example.org:port/a",
     "transport::https://example.org", "C:\\repo"],
)  # fmt: skip
def test_origins_that_may_not(url: str) -> None:
    with pytest.raises(errors.BadInput) as told:
        names.origin("demo", url)
    assert "demo" in str(told.value)
    assert told.value.remedy


def test_a_refused_origin_keeps_its_password() -> None:
    with pytest.raises(errors.BadInput) as told:
        names.origin("demo", "http://me:hunter2@example.org/a")
    assert "hunter2" not in str(told.value)


def test_redact_takes_every_user_and_password_out() -> None:
    assert names.redact("x https://a:b@c/d and ssh://git@e/f, https://g/h") == (
        "x https://…@c/d and ssh://…@e/f, https://g/h"
    )


def test_clean_keeps_one_visible_line() -> None:
    assert names.clean("a\x1b[31m\nb\u202e\tc\u200b", 100) == "a [31m b c"
    assert names.clean("abcdef", 4) == "abc…"


def test_clean_lines_keeps_lines_and_shows_the_rest() -> None:
    assert names.clean_lines("+a\tb\r\n-\x1b[0m\u202e\n") == "+a    b?\n-?[0m?\n"


@pytest.mark.parametrize("text", ["a" * 40 + "\n", "A" * 40, "a" * 39, "HEAD", "", "g" * 40, "a" * 64])
def test_what_is_no_commit(text: str) -> None:
    assert not names.is_sha(text)


@pytest.mark.parametrize(
    ("err", "told"),
    [
        (
            "ssh: connect to host git.example.org port 22: Connection refused\nfatal: Could not read from remote repository."
            + "\n\nPlease make sure you have the correct access rights\nand the repository exists.\n",
            "ssh: connect to host git.example.org port 22: Connection refused",
        ),
        (
            "fatal: '/srv/none.git' does not appear to be a git repository\nfatal: Could not read from remote repository.\n",
            "'/srv/none.git' does not appear to be a git repository",
        ),
        (
            "remote: Repository not found.\nfatal: repository 'https://me:secret@example.org/a.git/' not found\n",
            "Repository not found · repository 'https://…@example.org/a.git/' not found",
        ),
        ("fatal: Could not read from remote repository.\n", "Could not read from remote repository"),
        ("", ""),
    ],
)
def test_what_git_says_is_told_without_its_advice(err: str, told: str) -> None:
    assert names.told(err) == told
