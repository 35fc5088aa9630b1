"""Golden conversations: events, four dashes, the commands that must follow.

The files in ``traces`` are the review of every change of behaviour. After a change run
``RJ_REWRITE_TRACES=1 pytest`` on this file, and commit the difference only if you understand
all of it. A line ``+5ms`` lets time pass; ``task``, ``spec``, ``result`` and ``stored`` below
are the words that events may use.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from ray_jupyter.runtime.core import commands as c
from ray_jupyter.runtime.core import events as e
from ray_jupyter.runtime.core.invariants import check
from ray_jupyter.runtime.core.scheduler import SchedulerCore
from ray_jupyter.runtime.protocol import messages as m

TRACES = sorted((Path(__file__).parent / "traces").glob("*.txt"))
UNITS_NS = {"us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
MIB = 1 << 20


def task(
    cpus: float = 1, *, kind: str = m.TASK, returns: int = 1, retries: int = 3,
    more: tuple[tuple[str, int], ...] = (), yields: int | None = None, **extras: object,
) -> m.Definition:  # fmt: skip
    """A template named after its kind; ``yields`` is the limit of its stream if it has one."""
    shape = ((("CPU", int(cpus * 10_000)),) if cpus else ()) + more
    if yields is not None:
        extras[m.STREAMING] = yields
    return (kind, kind, b"", (), shape, returns, retries, "", tuple(extras.items()))


def spec(
    task_id: int,
    template: int,
    deps: tuple[int, ...] = (),
    held: tuple[int, ...] = (),
    parent: int = 0,
) -> m.Spec:
    """A submission without arguments."""
    return (task_id, template, b"", deps, held, parent)


def result(
    task_id: int, outputs: object = b"v", status: int = m.OK, took_ns: int = 100
) -> m.Result:
    """The end of a task."""
    return (task_id, status, outputs, 0, took_ns, took_ns)


def stored(offset: int, mib: float = 1) -> m.Descriptor:
    """A value in shared memory."""
    return (m.STORED, offset, int(mib * MIB))


WORDS: dict[str, object] = {
    "task": task, "spec": spec, "result": result, "stored": stored, "MIB": MIB,
    "TASK": m.TASK, "ACTOR": m.ACTOR, "METHOD": m.METHOD, "OK": m.OK, "ERROR": m.ERROR,
    "CANCELLED": m.CANCELLED,
}  # fmt: skip
WORDS.update((kind.__name__, kind) for kind in e.Event.__args__)  # type: ignore[attr-defined]


def show(command: c.Command) -> str:
    """Return a command in one line."""
    if isinstance(command, c.Dispatch):
        place = " in place" if command.in_place else ""
        templates = "".join(f" [template {i}]" for i, _ in command.definitions)
        tasks = [
            f"{a[0]}{_values(a[3])}" + f" of actor {a[4]}" * bool(a[4]) for a in command.assignments
        ]
        return f"Dispatch to {command.client}{place}:{templates} {', '.join(tasks)}"
    if isinstance(command, c.Deliver):
        return f"Deliver to {command.client}:" + _values(tuple(command.objects))
    if isinstance(command, c.Deny):
        return f"Deny to {command.client}: request {command.request}"
    fields = [f"{k}={v!r}" for k, v in zip(command._fields, command, strict=True) if k != "client"]
    to = f" to {command.client}" if hasattr(command, "client") else ""
    return f"{type(command).__name__}{to}: {', '.join(fields)}".rstrip(": ")


def _values(objects: tuple[tuple[int, m.Descriptor], ...]) -> str:
    return f" {', '.join(f'{i}={value!r}' for i, value in objects)}" if objects else ""


def converse(text: str) -> str:
    """Return the trace with the commands that follow now."""
    total = {"CPU": 20_000, "GPU": 10_000}
    core = SchedulerCore(total, store_limit_bytes=4 * MIB, workers_target=2)
    now_ns = 1
    blocks = []
    for block in text.strip().split("\n\n"):
        events = block.split("\n----")[0]
        commands: list[c.Command] = []
        for line in events.split("\n"):
            if pause := re.fullmatch(r"\+(\d+)(us|ms|s)", line):
                now_ns += int(pause[1]) * UNITS_NS[pause[2]]
            elif not line.startswith("#"):
                commands += core.handle(eval(line, dict(WORDS)), now_ns)
                check(core.state)
        told = "\n".join(show(command) for command in commands) or "nothing"
        blocks.append(f"{events}\n----\n{told}")
    return "\n\n".join(blocks) + "\n"


@pytest.mark.parametrize("path", TRACES, ids=lambda path: path.stem)
def test_the_conversation_is_as_it_was(path: Path) -> None:
    before = path.read_text()
    after = converse(before)
    if os.environ.get("RJ_REWRITE_TRACES"):
        path.write_text(after)
    else:
        assert after == before, f"if this is meant: RJ_REWRITE_TRACES=1 pytest {path.name}"


def test_there_are_traces() -> None:
    assert TRACES
