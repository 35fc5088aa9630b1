"""The scheduler core alone: task lives per second, and cost per task by queue length.

A life is submit, dispatch, finish, want, deliver, release. No process, no socket.
"""

from __future__ import annotations

import gc
import json
import sys
import time

from ray_jupyter.runtime.core import commands as c
from ray_jupyter.runtime.core import events as e
from ray_jupyter.runtime.core.scheduler import SchedulerCore
from ray_jupyter.runtime.protocol.messages import OK, TASK

DEFINITION = (TASK, "noop", b"", (), (("CPU", 10_000),), 1, 3, "", ())


def lives(count: int, batch: int = 64) -> float:
    """Return ns per task when ``count`` are queued before the first one runs."""
    core = SchedulerCore({"CPU": 20_000}, store_limit_bytes=1 << 30, workers_target=2)
    now = 1
    core.handle(e.ClientJoined(0, False, 1), now)
    core.handle(e.Defined(0, 1, DEFINITION), now)
    specs = [(10 + i, 1, b"", (), (), 0) for i in range(count)]
    gc.collect()
    gc.disable()  # as the scheduler process does
    started = time.perf_counter()
    for at in range(0, count, batch):
        now += 1000
        core.handle(e.Submitted(0, specs[at : at + batch]), now)
    core.handle(e.Wanted(0, [spec[0] for spec in specs]), now)
    todo: list[tuple[int, list[int]]] = []
    commands = core.handle(e.ClientJoined(1, True, 2), now)
    commands += core.handle(e.ClientJoined(2, True, 3), now)
    delivered = 0
    while delivered < count:
        released: list[int] = []
        for command in commands:
            if type(command) is c.Dispatch:
                todo.append((command.client, [a[0] for a in command.assignments]))
            elif type(command) is c.Deliver:
                released += [object_id for object_id, _ in command.objects]
        delivered += len(released)
        now += 1000
        commands = core.handle(e.Released(0, released), now) if released else []
        if todo:
            client, ids = todo.pop()
            results = [(i, OK, b"N.", now - 2000, now, 1000) for i in ids]
            commands += core.handle(e.Finished(client, results), now)
    spent = time.perf_counter() - started
    gc.enable()
    assert not core.state.tasks
    assert not core.state.objects
    return spent / count * 1e9


def main() -> dict[str, float]:
    """Measure 10^3 to 10^6 queued tasks; print and return ns per task life."""
    results = {}
    for exponent in (3, 4, 5, 6):
        repeats = 5 if exponent < 6 else 2
        results[f"1e{exponent}"] = sorted(lives(10**exponent) for _ in range(repeats))[repeats // 2]
    return results


if __name__ == "__main__":
    json.dump(
        {k: f"{v:.0f} ns, {1e9 / v:,.0f} lives/s" for k, v in main().items()}, sys.stdout, indent=1
    )
    print()
