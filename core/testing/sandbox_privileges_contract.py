"""What any sandbox must refuse to the programs in it. Owns: CHECKS. Imports: core. Effects: runs boxes."""

from __future__ import annotations

import os
import shutil

from core import ports
from core.testing.sandbox_contract import REFUSED, Check
from core.testing.sandbox_rig import Rig


async def check_no_privileges(rig: Rig) -> None:
    code = """
status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
for field in ("NoNewPrivs", "CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb", "Seccomp"):
    print(field, status[field].strip())
attempt("setuid", os.setuid, 0)
attempt("chroot", os.chroot, "/tmp")
attempt("mknod", os.mknod, "/tmp/disk", 0o60600, os.makedev(8, 0))
attempt("nice", os.nice, -1)
print("suid", [p for p in ("/usr/bin/su", "/usr/bin/sudo", "/usr/bin/passwd") if os.path.exists(p)
       and os.system(f"{p} -c id root </dev/null >/dev/null 2>&1") == 0])
"""
    seen = dict(await rig.answers(code))
    assert (seen.pop("NoNewPrivs"), seen.pop("Seccomp"), seen.pop("suid")) == ("1", "2", "[]")
    for field in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb"):
        assert int(seen.pop(field), 16) == 0, field
    for what, answer in seen.items():
        assert answer in REFUSED | {"EINVAL"}, (what, answer)  # EINVAL: there is no uid 0 in here


async def check_dangerous_calls_are_closed(rig: Rig) -> None:
    numbers = _CALLS[os.uname().machine]
    lines = [
        f"attempt({name!r}, syscall, {number}, *{_ARGUMENTS.get(name, (0,) * 6)})"
        for name, number in numbers.items()
    ]
    seen = await rig.answers(
        "\n".join([*lines, 'attempt("tiocsti", syscall, IOCTL, 0, 0x1_0000_5412, b"x")']).replace(
            "IOCTL", str(_IOCTL[os.uname().machine])
        )
    )
    for name, answer in seen.items():
        wanted = "ENOSYS" if name in _FALLS_BACK else "EPERM"
        assert answer == wanted, (name, answer)


async def check_other_calling_conventions_are_killed(rig: Rig) -> None:
    if os.uname().machine != "x86_64":
        return
    x32 = await rig.python("libc.syscall(0x40000000 | 39); print('alive')")
    assert (x32.code, x32.stdout) == (-31, b"")
    # mov eax, 20; int 0x80; ret: getpid by the 32-bit way in
    code = """
import mmap
page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(bytes.fromhex("b814000000cd80c3"))
ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
print("alive")
"""
    old = await rig.python(code)
    assert (old.code, old.stdout) == (-31, b"")


async def check_execute_only_can_run_but_not_be_read(rig: Rig) -> None:
    program = rig.scratch / "program"
    shutil.copyfile("/usr/bin/sleep", program)
    program.chmod(0o111)
    code = """
import subprocess
attempt("read", open, "/opt/program")
attempt("chmod", os.chmod, "/opt/program", 0o755)
child = subprocess.Popen(["/opt/program", "5"], stdin=subprocess.PIPE)
for name in ("mem", "environ", "maps", "fd/0", "exe"):
    attempt(name, os.open, f"/proc/{child.pid}/{name}", os.O_RDONLY)
print("runs", child.poll())
child.kill()
"""
    seen = dict(await rig.answers(code, rig.box(ports.Bind(source=program, dest="/opt/program"))))
    assert seen.pop("runs") == "None"
    for what, answer in seen.items():
        assert answer in REFUSED | {"EROFS"}, (what, answer)


CHECKS: tuple[Check, ...] = (
    check_no_privileges,
    check_dangerous_calls_are_closed,
    check_other_calling_conventions_are_killed,
    check_execute_only_can_run_but_not_be_read,
)

_IOCTL = {"x86_64": 16, "aarch64": 29}
_NEW_USER = 0x10000000
_ARGUMENTS = {"clone": (_NEW_USER | 17, 0, 0, 0, 0), "unshare": (_NEW_USER,), "personality": (8,)}
_FALLS_BACK = {"clone3", "io_uring_setup", "open_tree", "fsopen", "move_mount", "mount_setattr"}
_EVERYWHERE = {
    "clone3": 435,
    "io_uring_setup": 425,
    "open_tree": 428,
    "fsopen": 430,
    "move_mount": 429,
    "mount_setattr": 442,
    "pidfd_getfd": 438,
}
_CALLS = {
    "x86_64": {
        "clone": 56, "unshare": 272, "setns": 308, "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161,
        "ptrace": 101, "process_vm_readv": 310, "add_key": 248, "request_key": 249, "keyctl": 250, "bpf": 321,
        "perf_event_open": 298, "userfaultfd": 323, "init_module": 175, "kexec_load": 246, "reboot": 169,
        "name_to_handle_at": 303, "open_by_handle_at": 304, "personality": 135, "syslog": 103, **_EVERYWHERE,
    },
    "aarch64": {
        "clone": 220, "unshare": 97, "setns": 268, "mount": 40, "umount2": 39, "pivot_root": 41, "chroot": 51,
        "ptrace": 117, "process_vm_readv": 270, "add_key": 217, "request_key": 218, "keyctl": 219, "bpf": 280,
        "perf_event_open": 241, "userfaultfd": 282, "init_module": 105, "kexec_load": 104, "reboot": 142,
        "name_to_handle_at": 264, "open_by_handle_at": 265, "personality": 92, "syslog": 116, **_EVERYWHERE,
    },
}  # fmt: skip
