"""The system call filter of a box. Owns: program. Imports: core.errors. Effects: none.

A classic BPF program, default allow. It closes what namespaces and dropped capabilities leave open: other ABIs,
new namespaces and mounts, tracing, keyrings, kernel facilities with a history of holes, and the socket families
that no network namespace contains (AF_VSOCK among them).
"""

from __future__ import annotations

import struct

from core import errors

_LOAD, _JUMP_EQ, _JUMP_GE, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM, _ENOSYS, _EAFNOSUPPORT = 1, 38, 97
_NR, _ARCH, _ARGS = 0, 4, 16  # offsets in struct seccomp_data; an argument is 8 bytes, its low half first
_X32_BIT = 0x40000000

_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

_NEW_NAMESPACE = 0x7E020000  # CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}
_NEW_TIME = 0x80  # only unshare reads it as CLONE_NEWTIME; in clone it is part of the exit signal
_TERMINAL_INJECTION = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX
_AF_UNIX, _AF_INET, _AF_INET6, _AF_NETLINK = 1, 2, 10, 16
_QUERY = 0xFFFFFFFF  # personality(2) with this value changes nothing

# Calls of the 5.1-and-later era have one number everywhere.
_SINCE_5_1 = {
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "clone3": 435,
    "pidfd_getfd": 438,
    "process_madvise": 440,
    "mount_setattr": 442,
    "quotactl_fd": 443,
    "statmount": 457,
    "listmount": 458,
    "open_tree_attr": 467,
}
_X86_64 = {
    "socket": 41, "socketpair": 53, "clone": 56, "unshare": 272, "ioctl": 16, "personality": 135,
    "setns": 308, "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161,
    "add_key": 248, "request_key": 249, "keyctl": 250, "bpf": 321, "perf_event_open": 298, "userfaultfd": 323,
    "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312,
    "init_module": 175, "finit_module": 313, "delete_module": 176, "create_module": 174,
    "get_kernel_syms": 177, "query_module": 178, "kexec_load": 246, "kexec_file_load": 320,
    "reboot": 169, "swapon": 167, "swapoff": 168, "acct": 163, "quotactl": 179, "syslog": 103,
    "settimeofday": 164, "adjtimex": 159, "clock_settime": 227, "clock_adjtime": 305,
    "name_to_handle_at": 303, "open_by_handle_at": 304, "fanotify_init": 300,
    "migrate_pages": 256, "move_pages": 279, "mbind": 237,
    "modify_ldt": 154, "iopl": 172, "ioperm": 173, "uselib": 134, "ustat": 136, "sysfs": 139, "vhangup": 153,
}  # fmt: skip
_AARCH64 = {
    "socket": 198, "socketpair": 199, "clone": 220, "unshare": 97, "ioctl": 29, "personality": 92,
    "setns": 268, "mount": 40, "umount2": 39, "pivot_root": 41, "chroot": 51,
    "add_key": 217, "request_key": 218, "keyctl": 219, "bpf": 280, "perf_event_open": 241, "userfaultfd": 282,
    "ptrace": 117, "process_vm_readv": 270, "process_vm_writev": 271, "kcmp": 272,
    "init_module": 105, "finit_module": 273, "delete_module": 106,
    "kexec_load": 104, "kexec_file_load": 294,
    "reboot": 142, "swapon": 224, "swapoff": 225, "acct": 89, "quotactl": 60, "syslog": 116,
    "settimeofday": 170, "adjtimex": 171, "clock_settime": 112, "clock_adjtime": 266,
    "name_to_handle_at": 264, "open_by_handle_at": 265, "fanotify_init": 262,
    "migrate_pages": 238, "move_pages": 239, "mbind": 235, "vhangup": 58,
}  # fmt: skip
NUMBERS = {"x86_64": {**_X86_64, **_SINCE_5_1}, "aarch64": {**_AARCH64, **_SINCE_5_1}}

# These are answered "no such call", so that libc and libuv fall back to the older way.
UNKNOWN = frozenset(_SINCE_5_1) - {"pidfd_getfd", "process_madvise", "quotactl_fd"}
# These are looked at argument by argument.
JUDGED = frozenset({"socket", "socketpair", "clone", "unshare", "ioctl", "personality"})


def program(machine: str) -> bytes:
    """Return the filter for `machine` (`os.uname().machine`) as an array of struct sock_filter.

    Raises Refused for a machine whose call numbers are not known: there is no box without a filter.
    """
    if machine not in NUMBERS:
        raise errors.Refused(
            f"there is no system call filter for the processor {machine!r}",
            remedy="run the bridge on x86_64 or aarch64",
        )
    numbers = NUMBERS[machine]
    code = [_load(_ARCH), _jump(_JUMP_EQ, _AUDIT_ARCH[machine], 1, 0), _ret(_KILL), _load(_NR)]
    if machine == "x86_64":
        code += [_jump(_JUMP_GE, _X32_BIT, 0, 1), _ret(_KILL)]
    for name, number in sorted(numbers.items()):
        if name in JUDGED:
            block = _judgement(name)
            code += [_jump(_JUMP_EQ, number, 0, len(block)), *block]
        else:
            answer = _ENOSYS if name in UNKNOWN else _EPERM
            code += [_jump(_JUMP_EQ, number, 0, 1), _ret(_ERRNO | answer)]
    return b"".join([*code, _ret(_ALLOW)])


def _judgement(name: str) -> list[bytes]:
    """Return instructions that always end in a return; they may clobber the accumulator."""
    match name:
        case "clone":
            return [_arg(0), _jump(_JUMP_ANY_BIT, _NEW_NAMESPACE, 0, 1), _ret(_ERRNO | _EPERM), _ret(_ALLOW)]
        case "unshare":
            mask = _NEW_NAMESPACE | _NEW_TIME
            return [_arg(0), _jump(_JUMP_ANY_BIT, mask, 0, 1), _ret(_ERRNO | _EPERM), _ret(_ALLOW)]
        case "ioctl":
            # The kernel reads the request as 32 bits: comparing all 64 would let 0x1_0000_5412 pass.
            return [_arg(1), *_among(_TERMINAL_INJECTION, hit=_ERRNO | _EPERM, miss=_ALLOW)]
        case "personality":
            return [_arg(0), *_among((0, _QUERY), hit=_ALLOW, miss=_ERRNO | _EPERM)]
        case "socket":
            route = [_arg(2), *_among((0,), hit=_ALLOW, miss=_ERRNO | _EAFNOSUPPORT)]
            families = _among((_AF_UNIX, _AF_INET, _AF_INET6), hit=_ALLOW, miss=_ERRNO | _EAFNOSUPPORT)
            return [_arg(0), _jump(_JUMP_EQ, _AF_NETLINK, 0, len(route)), *route, *families]
        case _:  # socketpair
            return [_arg(0), *_among((_AF_UNIX,), hit=_ALLOW, miss=_ERRNO | _EAFNOSUPPORT)]


def _among(values: tuple[int, ...], *, hit: int, miss: int) -> list[bytes]:
    count = len(values)
    jumps = [_jump(_JUMP_EQ, value, count - at, 0) for at, value in enumerate(values)]
    return [*jumps, _ret(miss), _ret(hit)]


def _instruction(code: int, yes: int, no: int, k: int) -> bytes:
    return struct.pack("<HBBI", code, yes, no, k)


def _load(offset: int) -> bytes:
    return _instruction(_LOAD, 0, 0, offset)


def _arg(index: int) -> bytes:
    return _load(_ARGS + 8 * index)


def _jump(test: int, value: int, yes: int, no: int) -> bytes:
    return _instruction(test, yes, no, value)


def _ret(answer: int) -> bytes:
    return _instruction(_RETURN, 0, 0, answer)
