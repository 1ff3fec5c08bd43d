"""People on a homeserver, in a process of their own. Owns: People, strict. Effects: a child process with a Matrix client per person.

The child speaks one JSON object a line: {"id", "who", "do", …} and {"id", "ok"|"error"}. A process of its own, because the library binds
its crypto store to the whole process, and because people on other machines share no memory with the bridge either.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.far_sides.matrix_person import Person
from tests.patience import PATIENCE

HERE = Path(__file__).resolve().parent
STRICT = HERE.parents[1] / ".tools" / "matrix-strict"
USUAL = (sys.executable, "-m", "tests.far_sides.matrix_people")


def strict() -> Sequence[str]:
    """Return the program of people on matrix-js-sdk, whose clients are as strict as one can be. Raises RuntimeError when it is not here."""
    node = STRICT / "node_modules" / ".bin" / "node"
    if not node.exists():
        raise RuntimeError("matrix-js-sdk is not here: run scripts/bootstrap-matrix-strict")
    # The packages are found beside the link, not beside what it leads to.
    return (str(node), "--preserve-symlinks-main", str(STRICT / "people.mjs"))


class People:
    """Starts the child and asks it. `program` is what the child runs."""

    def __init__(self, url: str, program: Sequence[str] = USUAL) -> None:
        self._url = url
        self._program = program
        self._child: asyncio.subprocess.Process | None = None
        self._ids = count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._child = await asyncio.create_subprocess_exec(
            *self._program,
            self._url,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 26,
        )
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._child is not None
        assert self._child.stdin is not None
        assert self._reading is not None
        self._child.stdin.close()
        await self._child.wait()
        await self._reading

    async def _read(self) -> None:
        assert self._child is not None
        assert self._child.stdout is not None
        async for line in self._child.stdout:
            told = json.loads(line)
            waiting = self._waiting.pop(told["id"])
            if waiting.done():
                continue
            if "error" in told:
                waiting.set_exception(AssertionError(told["error"]))
            else:
                waiting.set_result(told["ok"])

    async def ask(self, who: str, do: str, **given: Any) -> Any:
        """Have a person do something; return what came of it."""
        assert self._child is not None
        assert self._child.stdin is not None
        number = next(self._ids)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        line = json.dumps({"id": number, "who": who, "do": do, **given})
        self._child.stdin.write(line.encode() + b"\n")
        return await asyncio.wait_for(
            self._waiting[number], PATIENCE + 30
        )  # what is waited for there is told first


async def _answer(
    people: dict[str, Person], url: str, stores: str, told: Mapping[str, Any]
) -> dict[str, Any]:
    given = {name: value for name, value in told.items() if name not in ("id", "who", "do")}
    try:
        if told["do"] == "login":
            people[told["who"]] = Person(url, tempfile.mkdtemp(dir=stores))
        came = await getattr(people[told["who"]], told["do"])(**given)
    except Exception as exc:  # noqa: BLE001 - the child's top: told to whoever asked
        return {"id": told["id"], "error": f"{told['who']} {told['do']}: {type(exc).__name__}: {exc}"}
    return {"id": told["id"], "ok": came}


async def _main(url: str, stores: str) -> None:
    people: dict[str, Person] = {}
    reader = asyncio.StreamReader(limit=1 << 26)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    tasks: set[asyncio.Task[None]] = set()

    async def one(told: Mapping[str, Any]) -> None:
        sys.stdout.write(json.dumps(await _answer(people, url, stores, told)) + "\n")
        sys.stdout.flush()

    async for line in reader:
        task = asyncio.create_task(one(json.loads(line)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    for person in people.values():
        await person.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_main(sys.argv[1], folder))
