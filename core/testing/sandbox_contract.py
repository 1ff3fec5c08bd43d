"""What any sandbox must hold: what is seen, written, reached. Owns: CHECKS. Imports: core. Effects: runs boxes.

Each check is a plain coroutine over a Rig. What is refused inside is in
`sandbox_privileges_contract`, how boxes are bounded and how they end in `sandbox_limits_contract`.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable

from core import errors, ports
from core.testing.sandbox_rig import PYTHON, WORKDIR, Rig

Check = Callable[[Rig], Awaitable[None]]

REFUSED = {"EPERM", "EACCES"}

# Signals 32 and 33 are the C library's own: `make` leaves them ignored, and no program can set or ask for them through libc.
OF_LIBC = 0b11 << 31


async def check_output_and_code_come_back(rig: Rig) -> None:
    script = "import sys; print(sys.stdin.read()); print('err', file=sys.stderr); sys.exit(3)"
    done = await rig.sandbox.run(rig.box(), [PYTHON, "-ISc", script], stdin=b"x" * 200_000)
    assert (done.code, done.stderr, done.cut) == (3, b"err\n", False)
    assert done.stdout == b"x" * 200_000 + b"\n"


async def check_output_is_capped(rig: Rig) -> None:
    done = await rig.sandbox.run(rig.box(), [PYTHON, "-c", "print('y' * 500_000)"], max_output=1000)
    assert (done.code, done.stdout, done.cut) == (0, b"y" * 1000, True)
    out = rig.scratch / "out"
    done = await rig.sandbox.run_to_file(
        rig.box(), [PYTHON, "-c", "print('y' * 500_000)"], out, max_output=1000
    )
    assert (done.code, done.stdout, done.cut) == (0, b"", True)
    assert out.read_bytes() == b"y" * 1000


async def check_unread_input_is_no_error(rig: Rig) -> None:
    assert (await rig.sandbox.run(rig.box(), ["true"], stdin=b"z" * 1_000_000)).code == 0


async def check_a_missing_program_is_told(rig: Rig) -> None:
    assert (await rig.sandbox.run(rig.box(), ["/opt/none"])).code == 127


async def check_a_missing_source_is_told(rig: Rig) -> None:
    bind = ports.Bind(source=rig.scratch / "nowhere", dest="/opt/nowhere")
    try:
        await rig.sandbox.run(rig.box(bind), ["true"])
    except errors.Rejected as error:
        assert "nowhere" in str(error)  # noqa: PT017 - these checks do without pytest
    else:
        raise AssertionError("a box without its source was started")


async def check_signals_are_as_a_program_expects(rig: Rig) -> None:
    done = await rig.sandbox.run(rig.box(), ["cat", "/proc/self/status"])
    fields = dict(line.split(":\t", 1) for line in done.stdout.decode().splitlines())
    told = {name: fields[name] for name in ("SigIgn", "SigBlk")}
    assert not any(int(mask, 16) & ~OF_LIBC for mask in told.values()), told


async def check_host_is_out_of_sight(rig: Rig) -> None:
    (rig.scratch / "secret").write_text("s")
    code = f"""
print("root", sorted(os.listdir("/")))
print("homes", os.listdir("/home"))
print("secret", os.path.exists({str(rig.scratch / "secret")!r}))
print("shadow", os.path.exists("/etc/shadow"))
print("me", os.getuid(), os.getgid(), os.getgroups())
print("host", os.uname().nodename)
print("pids", sorted(int(p) for p in os.listdir("/proc") if p.isdigit()))
print("tmp", os.listdir("/tmp"), os.listdir("/dev/shm"))
print("resolv", open("/etc/resolv.conf").read())
"""
    seen = await rig.answers(code)
    expected = {"bin", "dev", "etc", "home", "lib", "lib64", "loop", "proc", "sbin", "tmp", "usr"}
    assert set(eval(seen["root"])) <= expected, seen["root"]  # noqa: S307 - our own print
    assert seen["homes"] == "['loop']"
    assert (seen["secret"], seen["shadow"]) == ("False", "False")
    assert seen["me"].startswith("1000 1000")
    assert seen["host"] == "check"
    assert set(eval(seen["pids"])) <= {1, 2, 3, 4}, seen["pids"]  # noqa: S307
    assert (seen["tmp"], seen["resolv"]) == ("[] []", "")


async def check_environment_is_not_inherited(rig: Rig) -> None:
    """Nothing of the spawner's environment, neither in the program nor in any process above it."""
    os.environ["LOOPBRIDGE_CHECK_SECRET"] = "hunter2"  # noqa: S105 - that it looks like one is the point
    try:
        code = """
for pid in (p for p in os.listdir("/proc") if p.isdigit()):
    try:
        print(pid, open(f"/proc/{pid}/environ").read().replace(chr(0), ","))
    except OSError:
        print(pid, "closed")
"""
        seen = await rig.answers(code, rig.box(env={"GREETING": "hello"}))
    finally:
        del os.environ["LOOPBRIDGE_CHECK_SECRET"]
    assert seen["1"] in ("", "closed")
    assert "GREETING=hello" in str(seen)
    assert "hunter2" not in str(seen)


async def check_descriptors_are_pipes_and_no_more(rig: Rig) -> None:
    leak = os.open(rig.scratch, os.O_RDONLY)
    os.set_inheritable(leak, True)
    try:
        code = """
own = os.open("/proc/self/fd", os.O_RDONLY)
for fd in os.listdir("/proc/self/fd"):
    if int(fd) < own:
        print(fd, os.readlink(f"/proc/self/fd/{fd}"))
    elif int(fd) > own + 1:
        print(fd, "leaked")
"""
        seen = await rig.answers(code)
    finally:
        os.close(leak)
    assert set(seen) == {"0", "1", "2"}, seen
    assert all(target.startswith("pipe:") for target in seen.values()), seen


async def check_only_binds_can_be_written(rig: Rig) -> None:
    shown = rig.folder("shown")
    (shown / "file").write_text("whole")
    rig.give(shown / "file")
    code = """
def touch(path):
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
for path in ("/x", "/usr/x", "/etc/x", "/etc/passwd", "/home/x", "/loop/x", "/run/x", "/opt/x", "/dev/x", "/opt/shown/x",
             "/opt/shown/file", "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/etc/extra/file"):
    attempt(path, touch, path)
attempt("chmod", os.chmod, "/opt/shown/file", 0o777)
for path in ("/loop/workdir/x", "/tmp/x", "/dev/shm/x", "/home/loop/x"):
    attempt(path, touch, path)
print("extra", open("/etc/extra/file").read())
"""
    box = rig.box(ports.Bind(source=shown, dest="/opt/shown"), files={"/etc/extra/file": b"given"})
    seen = dict(await rig.answers(code, box))
    assert seen.pop("extra") == "given"
    open_to_all = {f"{WORKDIR}/x", "/tmp/x", "/dev/shm/x", "/home/loop/x"}  # noqa: S108 - the box's own
    refused = {"EROFS", "EACCES", "EPERM", "ENOENT"}
    for path, answer in seen.items():
        assert (answer == "done") if path in open_to_all else (answer in refused), (path, answer)
    assert (shown / "file").read_text() == "whole"
    assert (rig.scratch / "workdir" / "x").exists()


async def check_network_is_absent(rig: Rig) -> None:
    """Not the host's loopback, not its abstract sockets, not its hypervisor, no raw packets, no names."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as abstract:
        name = f"\0loopbridge-check-{os.getpid()}"
        abstract.bind(name)
        abstract.listen()
        code = f"""
attempt("loopback", socket.create_connection, ("127.0.0.1", {server.getsockname()[1]}), 2)
attempt("outside", socket.create_connection, ("192.0.2.1", 443), 2)
attempt("abstract", socket.socket(socket.AF_UNIX).connect, {name!r})
for family, kind, number in ((40, 1, 0), (17, 3, 0), (31, 3, 1), (16, 3, 15), (38, 5, 0), (2, 3, 1)):
    attempt(f"family-{{family}}", syscall, {_SOCKET[os.uname().machine]}, family, kind, number)
attempt("pair", socket.socketpair, socket.AF_INET)
try:
    socket.getaddrinfo("example.com", 443)
except socket.gaierror:
    print("names none")
print("links", os.listdir("/sys/class/net") if os.path.exists("/sys") else [i[1] for i in socket.if_nameindex()])
"""
        seen = await rig.answers(code)
    assert seen["loopback"] == "ECONNREFUSED"
    assert seen["outside"] in {"ENETUNREACH", "EHOSTUNREACH"}
    assert seen["abstract"] == "ECONNREFUSED"
    for key, answer in seen.items():
        if key.startswith("family-") or key == "pair":
            assert answer in REFUSED | {"EAFNOSUPPORT", "ESOCKTNOSUPPORT", "EPROTONOSUPPORT"}, (key, answer)
    assert (seen["names"], seen["links"]) == ("none", "['lo']")


async def check_loopback_and_a_bound_socket_work(rig: Rig) -> None:
    """Tools' egress: a forwarder inside, on loopback, to a unix socket that the host listens on."""
    path = rig.folder("gate") / "egress.sock"

    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_unix_server(greet, path):
        rig.give(path)
        code = """
import subprocess, time
forward = subprocess.Popen(["socat", "TCP-LISTEN:8888,bind=127.0.0.1,fork", "UNIX-CONNECT:/run/egress.sock"])
for _ in range(3000):
    try:
        link = socket.create_connection(("127.0.0.1", 8888))
    except ConnectionRefusedError:
        time.sleep(0.02)
    else:
        break
print("forwarded", link.recv(5).decode())
direct = socket.socket(socket.AF_UNIX)
direct.connect("/run/egress.sock")
print("direct", direct.recv(5).decode())
forward.kill()
"""
        seen = await rig.answers(code, rig.box(ports.Bind(source=path, dest="/run/egress.sock")))
    assert seen == {"forwarded": "hello", "direct": "hello"}


async def check_links_are_not_followed(rig: Rig) -> None:
    """Neither a link planted where a bind's source was, nor one on the way to it."""
    secret = rig.folder("elsewhere")
    (secret / "key").write_text("k")
    writable = rig.folder("planted")
    (writable / "end").symlink_to(secret)
    (writable / "way").symlink_to(rig.scratch)
    for source in (writable / "end", writable / "way" / "elsewhere", writable / "way" / "elsewhere" / "key"):
        try:
            await rig.sandbox.run(rig.box(ports.Bind(source=source, dest="/opt/x")), ["true"])
        except errors.Rejected as error:
            assert "link" in str(error)  # noqa: PT017
        else:
            raise AssertionError(f"{source} was followed")


async def check_links_in_a_bind_do_no_harm(rig: Rig) -> None:
    """A persistent folder full of links is bound again: nothing outside it is touched, however the box is built."""
    target = rig.folder("victim")
    persistent = rig.folder("persistent")
    for name in (".ssh", ".claude", "workdir"):
        (persistent / name).symlink_to(f"/oldroot{target}")
    home = ports.Bind(source=persistent, dest="/home/loop", writable=True)
    for dest in ("/home/loop/.ssh/config", "/home/loop/.claude"):
        try:
            await rig.sandbox.run(rig.box(home, files={dest: b"x"}), ["true"])
        except errors.BadInput:
            continue
        raise AssertionError(f"{dest} was put under a writable bind")
    assert (await rig.sandbox.run(rig.box(home), ["true"])).code == 0
    assert list(target.iterdir()) == []


CHECKS: tuple[Check, ...] = (
    check_output_and_code_come_back,
    check_output_is_capped,
    check_unread_input_is_no_error,
    check_a_missing_program_is_told,
    check_a_missing_source_is_told,
    check_signals_are_as_a_program_expects,
    check_host_is_out_of_sight,
    check_environment_is_not_inherited,
    check_descriptors_are_pipes_and_no_more,
    check_only_binds_can_be_written,
    check_network_is_absent,
    check_loopback_and_a_bound_socket_work,
    check_links_are_not_followed,
    check_links_in_a_bind_do_no_harm,
)

_SOCKET = {"x86_64": 41, "aarch64": 198}
