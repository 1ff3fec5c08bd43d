"""The system call filter, run by an interpreter of its own: every processor's table is tried on any machine."""

from __future__ import annotations

import functools
import struct

import pytest

from adapters.sandbox import seccomp
from core import errors

ALLOW, KILL = 0x7FFF0000, 0x80000000
EPERM, ENOSYS, EAFNOSUPPORT = 0x50001, 0x50026, 0x50061
ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
MACHINES = sorted(ARCH)
READ = {"x86_64": 0, "aarch64": 63}


@functools.cache
def instructions(machine: str) -> list[tuple[int, int, int, int]]:
    program = seccomp.program(machine)
    return [struct.unpack_from("<HBBI", program, at) for at in range(0, len(program), 8)]


def judge(machine: str, number: int, *arguments: int, arch: int | None = None) -> int:
    """Interpret the program for one call and return its answer."""
    padded = [value & (1 << 64) - 1 for value in (*arguments, *[0] * (6 - len(arguments)))]
    data = struct.pack("<IIQ6Q", number, ARCH[machine] if arch is None else arch, 0, *padded)
    code = instructions(machine)
    at, held = 0, 0
    while True:
        what, yes, no, k = code[at]
        at += 1
        match what:
            case 0x20:
                held = struct.unpack_from("<I", data, k)[0]
            case 0x15:
                at += yes if held == k else no
            case 0x35:
                at += yes if held >= k else no
            case 0x45:
                at += yes if held & k else no
            case 0x06:
                return int(k)
            case _:
                raise AssertionError(f"no such instruction: {what:#x}")


@pytest.mark.parametrize("machine", MACHINES)
def test_other_architectures_are_killed(machine: str) -> None:
    assert judge(machine, READ[machine]) == ALLOW
    for arch in {0x40000003, 0x40000028, *ARCH.values()} - {ARCH[machine]}:
        assert judge(machine, READ[machine], arch=arch) == KILL


def test_x32_is_killed() -> None:
    assert judge("x86_64", 0x40000000 | 1) == KILL


@pytest.mark.parametrize("machine", MACHINES)
def test_every_named_call_is_answered(machine: str) -> None:
    for name, number in seccomp.NUMBERS[machine].items():
        if name not in seccomp.JUDGED:
            assert judge(machine, number) == (ENOSYS if name in seccomp.UNKNOWN else EPERM), name


@pytest.mark.parametrize("machine", MACHINES)
def test_all_other_calls_pass(machine: str) -> None:
    known = set(seccomp.NUMBERS[machine].values())
    assert {judge(machine, number) for number in range(600) if number not in known} == {ALLOW}


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    ("name", "arguments", "answer"),
    [
        ("clone", (0x01200011,), ALLOW),  # fork
        ("clone", (0x3D0F00,), ALLOW),  # a thread
        ("clone", (0x10000011,), EPERM),
        ("clone", (0x20000,), EPERM),
        ("clone", (0x80,), ALLOW),
        ("unshare", (0x400,), ALLOW),
        ("unshare", (0x10000000,), EPERM),
        ("unshare", (0x02000000,), EPERM),
        ("unshare", (0x80,), EPERM),
        ("ioctl", (0, 0x5401), ALLOW),
        ("ioctl", (0, 0x5412), EPERM),
        ("ioctl", (0, 0x541C), EPERM),
        ("ioctl", (0, 0xDEAD_0000_5412), EPERM),
        ("personality", (0,), ALLOW),
        ("personality", (0xFFFFFFFF,), ALLOW),
        ("personality", (0x0400000,), EPERM),
        ("socket", (1, 1, 0), ALLOW),
        ("socket", (2, 1, 6), ALLOW),
        ("socket", (10, 2, 0), ALLOW),
        ("socket", (16, 3, 0), ALLOW),
        ("socket", (16, 3, 15), EAFNOSUPPORT),
        ("socket", (40, 1, 0), EAFNOSUPPORT),
        ("socket", (17, 3, 0), EAFNOSUPPORT),
        ("socket", (0x1_0000_0028, 1, 0), EAFNOSUPPORT),
        ("socketpair", (1, 1, 0), ALLOW),
        ("socketpair", (2, 1, 0), EAFNOSUPPORT),
    ],
)
def test_calls_that_are_judged(machine: str, name: str, arguments: tuple[int, ...], answer: int) -> None:
    assert judge(machine, seccomp.NUMBERS[machine][name], *arguments) == answer


def test_no_filter_no_box() -> None:
    with pytest.raises(errors.Refused):
        seccomp.program("riscv64")
