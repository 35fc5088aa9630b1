"""Frames of sessions that never ran: of any size, the same every time, for the views alone.

``scene(n)`` is a small pipeline with everything in it: several cells, an actor, failures, retries,
logs, spilled objects, hints. What a kernel would send is bounded (``frames.FRAME_BYTES``); these
frames are not, so that a view's own bounds are what is tested.
"""

from __future__ import annotations

import random
from typing import Any

MS = 1_000
"""Microseconds of a millisecond."""
_CELLS = [[0, "", ""], [1, "cell-1", "[3]"], [2, "cell-2", "[5]"]]
_FUNCTIONS = [
    ("load", "task", 1, 9), ("clean", "task", 1, 14), ("features", "task", 1, 6),
    ("train", "task", 2, 60), ("score", "task", 2, 22), ("ParameterServer", "actor", 2, 4),
    ("merge", "task", 2, 35),
]  # fmt: skip
"""Name, kind, cell, typical time in milliseconds."""
_EDGES = [(0, 1, 1), (1, 2, 1), (2, 3, 1), (3, 4, 1), (3, 5, 0), (4, 6, 1)]
_SHARES = (0.3, 0.3, 0.2, 0.1, 0.08, 0.0, 0.02)


def scene(
    count: int = 400, *, workers: int = 4, is_over: bool = False, told: int | None = None
) -> dict[str, Any]:
    """Return the snapshot of a session of so many tasks; ``told`` of them one by one."""
    chance = random.Random(7)
    tasks, free_us = _tasks(count, workers, chance)
    now_us = min(free_us) - 5 * MS
    ended = [task for task in tasks if task[5] <= now_us]
    running = {task[2]: task for task in tasks if task[4] <= now_us < task[5]}
    shown = ended if told is None else ended[-told:]
    return {
        "version": 1, "session": f"scene-{count}", "kind": "snapshot", "seq": 1, "now_us": now_us,
        "totals": _totals(ended, len(running) + count // 10), "cells": _CELLS,
        "nodes": _nodes(ended, running, now_us),
        "edges": [[i, *edge, int(count * _SHARES[edge[0]])] for i, edge in enumerate(_EDGES)],
        "lanes": _lanes(workers, running), "bins": _bins(ended, workers, now_us), "tasks": shown,
        "errors": [
            [task[0], "TASK_EXECUTION_EXCEPTION", f"ValueError: part {task[0]} has no <b>date</b> column\n  in clean, line 7"]
            for task in shown[-4_000:] if task[6]
        ],
        "logs": _logs(shown[-300:]), "objects": _objects(shown[-500:]), "is_over": is_over,
        "hints": ["tasks of load take 9 ms each: batches of ten would cost less around them"],
    }  # fmt: skip


def _tasks(count: int, workers: int, chance: random.Random) -> tuple[list[list[Any]], list[int]]:
    free_us = [120 * MS + 9 * MS * worker for worker in range(workers)]
    tasks: list[list[Any]] = []
    results: list[list[int]] = [[] for _ in _FUNCTIONS]
    kinds = [node for node, share in enumerate(_SHARES) for _ in range(round(share * count))]
    for number, node in enumerate(kinds):
        worker = min(range(workers), key=free_us.__getitem__)
        start_us = free_us[worker] + chance.randrange(1, 3) * MS
        end_us = start_us + int(_FUNCTIONS[node][3] * MS * chance.uniform(0.5, 1.8))
        free_us[worker] = end_us
        failed = node == 1 and number % 41 == 7
        sources = results[node - 1][-3:] if node else []
        task_id = 2 * number + 2
        results[node].append(task_id)
        tasks.append(
            [
                task_id,
                node,
                worker,
                90 * MS,
                start_us,
                end_us,
                int(failed),
                int(number % 97 == 5),
                1,
                0,
                sources,
                1,
            ]
        )
    return tasks, free_us


def _nodes(ended: list[list[Any]], running: dict[int, list[Any]], now_us: int) -> list[list[Any]]:
    rows = []
    for place, (name, kind, cell, _) in enumerate(_FUNCTIONS):
        own = [task for task in ended if task[1] == place]
        walls = [task[5] - task[4] for task in own]
        failed = sum(task[6] for task in own)
        busy = sum(task[1] == place for task in running.values())
        waits = {4: 20, 6: 8}.get(place, 0)
        live = 1 if kind == "actor" else busy + waits
        rows.append([
            place, name, kind, cell, live, busy, len(own) - failed, failed, sum(task[7] for task in own),
            sum(walls), max(walls, default=0), min((t[4] for t in own), default=0), max((t[5] for t in own), default=now_us),
        ])  # fmt: skip
    return rows


def _lanes(workers: int, running: dict[int, list[Any]]) -> list[list[Any]]:
    rows: list[list[Any]] = []
    for worker in range(workers):
        task = running.get(worker)
        activity = "BLOCKED" if worker == 1 and task else "RUNNING" if task else "IDLE"
        told = [task[1], task[0], task[4]] if task else [-1, 0, 0]
        rows.append(
            [
                worker,
                worker + 1,
                4100 + worker,
                activity,
                "",
                *told,
                2 if task else 0,
                910 - 240 * worker,
                96_000_000 + worker * 41_000_000,
            ]
        )
    rows.append(
        [
            workers,
            workers + 1,
            4100 + workers,
            "IDLE",
            "ParameterServer",
            -1,
            0,
            0,
            0,
            30,
            61_000_000,
        ]
    )
    return rows


def _bins(ended: list[list[Any]], workers: int, now_us: int) -> dict[str, Any]:
    width_us = max(50 * MS, now_us // 250)
    busy: dict[tuple[int, int], dict[int, int]] = {}
    for task in ended:
        for at in range(task[4] // width_us, task[5] // width_us + 1):
            part = min(task[5], (at + 1) * width_us) - max(task[4], at * width_us)
            found = busy.setdefault((task[2], at), {})
            found[task[1]] = found.get(task[1], 0) + part
    lanes: dict[str, list[list[int]]] = {}
    for (lane, at), found in sorted(busy.items()):
        share = min(1000, 1000 * sum(found.values()) // width_us)
        lanes.setdefault(str(lane), []).append([at, share, max(found, key=found.__getitem__)])
    return {"width_us": width_us, "lanes": lanes, "all": True}


def _totals(ended: list[list[Any]], live: int) -> dict[str, int]:
    failed = sum(task[6] for task in ended)
    return {
        "live": live, "finished": len(ended) - failed, "failed": failed, "objects": 214,
        "store_used_bytes": 2_310_000_000, "store_limit_bytes": 7_600_000_000,
        "spilled_bytes": 640_000_000, "inline_bytes": 3_400_000,
    }  # fmt: skip


def _logs(tasks: list[list[Any]]) -> list[list[Any]]:
    words = {0: "read part {0}: 12,000 rows", 3: "epoch {0} · loss 0.41", 4: "accuracy 0.93"}
    return [
        [task[5] - 1_000, task[0], 4100 + task[2], "stderr" if task[0] % 17 == 0 else "stdout", words[task[1]].format(task[0])]
        for task in tasks if task[1] in words
    ]  # fmt: skip


def _objects(tasks: list[list[Any]]) -> list[list[Any]]:
    looks = [
        "ndarray (12000, 64) float64",
        "DataFrame 12,000 × 18",
        "bytes of 100,000",
        "",
        "dict of 3",
    ]
    rows = []
    for number, task in enumerate(tasks[::3][:60]):
        place = "DISK" if number % 9 == 4 else "MESSAGE" if number > 40 else "MEMORY"
        names = ["blocks", f"model_{number}"][: number % 3]
        rows.append([
            task[0], 61_440_000 // (number + 1), place, 1 + number % 3, [4100], number % 2, False, task[1],
            names, [1, number % 2, 0, number % 3, number % 2], looks[task[1] % 5],
        ])  # fmt: skip
    return sorted(rows, key=lambda row: -row[1])
