"""The plan of a box: what it may look like, whatever it is made from."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import hypothesis
import pytest
from hypothesis import strategies

from adapters.sandbox import spec
from core import errors, ports

HOST = spec.Host(
    machine="x86_64", covered_files=("/proc/keys",), covered_folders=("/proc/acpi",), staged=True
)
MOUNTS = {
    "--bind",
    "--ro-bind",
    "--ro-bind-try",
    "--bind-fd",
    "--ro-bind-fd",
    "--ro-bind-data",
    "--tmpfs",
    "--dir",
}

names = strategies.sampled_from(
    ["home", "loop", "workdir", "etc", "usr", "tmp", "opt", "run", ".claude", "x", "..", ""]
)
paths = strategies.lists(names, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
binds = strategies.builds(
    ports.Bind, source=strategies.just(Path("/srv/x")), dest=paths, writable=strategies.booleans()
)


def box(*shown: ports.Bind, **changes: object) -> ports.Box:
    return ports.Box(**{"name": "b", "cwd": "/loop/workdir", "binds": shown, **changes})  # type: ignore[arg-type]


def bind(dest: str, *, writable: bool = False) -> ports.Bind:
    return ports.Bind(source=Path("/srv/x"), dest=dest, writable=writable)


def destinations(plan: spec.Plan) -> list[str]:
    return [str(option[-1]) for option in plan.options if option[0] in MOUNTS]


def under(path: str, folder: str) -> bool:
    return PurePosixPath(folder) in PurePosixPath(path).parents


@hypothesis.given(
    shown=strategies.lists(binds, max_size=4).map(tuple),
    files=strategies.dictionaries(paths, strategies.binary(max_size=4), max_size=3),
    cwd=paths,
)
def test_nothing_is_ever_put_under_what_the_program_may_have_written(
    shown: tuple[ports.Bind, ...], files: dict[str, bytes], cwd: str
) -> None:
    try:
        plan = spec.plan(box(*shown, files=files, cwd=cwd), ["true"], HOST)
    except errors.BadInput:
        return
    for one in shown:
        assert not [dest for dest in destinations(plan) if under(dest, one.dest)]
        assert destinations(plan).count(one.dest) == 1
    for system in ("/usr", "/proc/sys", "/dev/shm"):
        assert not [one for one in [*(one.dest for one in shown), *files] if under(one, system)]


@hypothesis.given(shown=strategies.lists(binds, max_size=4).map(tuple))
def test_every_plan_is_closed(shown: tuple[ports.Bind, ...]) -> None:
    try:
        plan = spec.plan(box(*shown), ["true"], HOST)
    except errors.BadInput:
        return
    words = [option[0] for option in plan.options]
    for needed in ("user", "ipc", "pid", "net", "uts"):
        assert f"--unshare-{needed}" in words
    for needed in ("--disable-userns", "--die-with-parent", "--new-session", "--clearenv", "--seccomp"):
        assert needed in words
    assert ("--cap-drop", "ALL") in plan.options
    assert words.index("--remount-ro") < words.index("--chdir")
    assert plan.options.index(("--remount-ro", "/")) > max(
        at for at, word in enumerate(words) if word in MOUNTS
    )


@pytest.mark.parametrize(
    ("shown", "files"),
    [
        ([bind("/home/loop", writable=True)], ["/home/loop/.claude/settings.json"]),
        ([bind("/home/loop", writable=True), bind("/home/loop/.ssh")], []),
        ([bind("/opt/a"), bind("/opt/a/b")], []),
        ([bind("/opt/a"), bind("/opt/a")], []),
        ([bind("/")], []),
        ([bind("/etc")], []),
        ([bind("/home")], []),
        ([bind("/usr/local/bin/tool")], []),
        ([bind("/proc/1")], []),
        ([bind("/lib/x")], []),
        ([bind("/tmp")], []),
        ([bind("/etc/passwd")], []),
        ([bind("opt/a")], []),
        ([bind("/opt/../etc")], []),
        ([bind("/opt//a")], []),
        ([bind("/opt/a\0b")], []),
        ([], ["/dev/shm/x"]),
    ],
)
def test_destinations_that_are_refused(shown: list[ports.Bind], files: list[str]) -> None:
    with pytest.raises(errors.BadInput):
        spec.plan(box(*shown, files=dict.fromkeys(files, b"")), ["true"], HOST)


def test_below_a_fresh_tmpfs_anything_goes() -> None:
    plan = spec.plan(box(bind("/tmp/in"), files={"/home/loop/.gitconfig": b""}), ["true"], HOST)
    assert {"/tmp/in", "/home/loop/.gitconfig"} <= set(destinations(plan))


def test_sizes_come_before_their_tmpfs() -> None:
    plan = spec.plan(box(limits=ports.Limits(tmp_bytes=1234)), ["true"], HOST)
    at = plan.options.index(("--tmpfs", "/tmp"))
    assert plan.options[at - 2 : at] == (("--size", "1234"), ("--perms", "1777"))


def test_the_caller_decides_the_environment_and_the_rest_is_ours() -> None:
    plan = spec.plan(box(env={"HOME": "/tmp", "KEY": "--bind"}), ["true"], HOST)
    env = {option[1]: option[2] for option in plan.options if option[0] == "--setenv"}
    assert (env["HOME"], env["KEY"], env["TERM"]) == ("/tmp", "--bind", "dumb")


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Upper"},
        {"name": ""},
        {"name": "-x"},
        {"env": {"A=B": "c"}},
        {"env": {"A": "\0"}},
        {"cwd": "here"},
    ],
)
def test_words_that_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(errors.BadInput):
        spec.plan(box(**changes), ["true"], HOST)


def test_a_box_needs_a_program() -> None:
    with pytest.raises(errors.BadInput):
        spec.plan(box(), [], HOST)


def test_limits_are_set_inside() -> None:
    limits = ports.Limits(processes=7, open_files=8, file_bytes=9, data_bytes=10)
    command = spec.plan(box(limits=limits), ["prog", "--nproc=1"], HOST).command
    assert {"--nproc=7:7", "--nofile=8:8", "--fsize=9:9", "--data=10:10", "--core=0:0"} <= set(command)
    assert command[-3:] == ("--", "prog", "--nproc=1")


def test_an_unknown_processor_has_no_box() -> None:
    host = spec.Host(machine="riscv64", covered_files=(), covered_folders=(), staged=False)
    with pytest.raises(errors.Refused):
        spec.plan(box(), ["true"], host)


def test_without_staging_binds_go_by_descriptor() -> None:
    host = spec.Host(machine="aarch64", covered_files=(), covered_folders=(), staged=False)
    plan = spec.plan(box(bind("/opt/a"), bind("/opt/b", writable=True)), ["true"], host)
    assert ("--ro-bind-fd", spec.Slot("bind", 0), "/opt/a") in plan.options
    assert ("--bind-fd", spec.Slot("bind", 1), "/opt/b") in plan.options
