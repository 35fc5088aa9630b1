"""What the inline backend has, as the rows of ``runtime.protocol.tables``.

There is one process: it is driver and worker, and owns every reference.
"""

from __future__ import annotations

import heapq
import os
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from ray_jupyter.backends.inline_actors import InlineActors
from ray_jupyter.backends.inline_store import RECORD_FIELDS, InlineStore, Journal, kind_of
from ray_jupyter.runtime.client.cell_ids import CellIds
from ray_jupyter.runtime.client.versions import version_of
from ray_jupyter.runtime.protocol import changes
from ray_jupyter.runtime.protocol.messages import ACTOR, TASK
from ray_jupyter.runtime.protocol.specs import TaskTemplate
from ray_jupyter.runtime.protocol.tables import SUMMARIES, TASK_TYPES, Row, memory, select


class Tables:
    """Answers questions about the backend's tables as they are when asked.

    Args:
        store: values and references.
        journal: calls.
        actors: those that somebody has a handle of, alive or dead.
        cells: of the one process.
        inline_max_bytes: larger values count as being in memory, not in messages.
    """

    def __init__(
        self, store: InlineStore, journal: Journal, actors: InlineActors, cells: CellIds,
        inline_max_bytes: int,
    ) -> None:  # fmt: skip
        self._store = store
        self._journal = journal
        self._actors = actors
        self._inline_max_bytes = inline_max_bytes
        self._pid = os.getpid()
        self._cells = cells
        self._tables: dict[str, Callable[[], Iterator[Row]]] = {
            "tasks": self._tasks,
            "actors": self._actor_rows,
            "objects": self._objects,
            "workers": self._workers,
        }

    def _cell_of(self, task_id: int) -> int:
        return self._cells.of(task_id) or 0

    def answer(self, question: str, argument: Any) -> Any:
        """Return the answer to ``list``, ``summarize``, ``memory`` or ``trace``.

        Raises:
            KeyError: another question.
        """
        if question == "list":
            rows = self._tables[argument["table"]]()
            return select(rows, argument["filters"], argument["limit"])
        if question == "summarize":
            return SUMMARIES[argument](self._tables[argument]())
        if question == "memory":
            return self._memory(argument)
        if question == "trace":
            records = [(*record[:RECORD_FIELDS], self._pid) for record in self._journal.records()]
            return {"records": records, "drivers": [self._pid]}
        if question == "changes":
            return self._changes(argument)
        if question == "unwatch":  # it looks at its records each time: there is no flood here
            return False
        if question == "census":
            return self._census(argument)
        if question == "task":  # what it was given is gone when it has ended
            return {}
        if question == "object":
            return self._object(argument)
        if question == "versions":
            return self._versions()
        raise KeyError(question)

    def statistics(self, store_limit_bytes: int) -> dict[str, Any]:
        """Return the counters of ``Backend.statistics``."""
        journal, sizes = self._journal, self._store.sizes_bytes()
        small = sum(size for size in sizes if size <= self._inline_max_bytes)
        return {
            "workers": 1, "workers_busy": min(len(journal.running), 1), "workers_blocked": 0,
            "pids": [], "tasks": {**journal.ended, "RUNNING": len(journal.running)},
            "retries": journal.retries, "objects": len(sizes),
            "store_used_bytes": sum(sizes) - small, "spilled_bytes": 0, "inline_bytes": small,
            "lineage_bytes": 0, "store_limit_bytes": store_limit_bytes,
            "task_cpu_ns": journal.cpu_ns, "task_wall_ns": journal.wall_ns,
        }  # fmt: skip

    def _changes(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Return what ``runtime.core.changes`` does: the process itself is the one worker."""
        cursor, forgotten, kept = self._journal.new_records(asked["since"])
        # As the core's: submitter and worker come before the kind, the error is a pair.
        records = [
            (*r[:RECORD_FIELDS], 0, 0, *r[11:13], r[13] and (r[13], ""), self._cell_of(r[0]))
            for r in kept
        ]
        tasks, groups = changes.ended(records, asked["most"])
        texts = {row[0]: row[4][2] for row in self._journal.failures()}
        running = list(self._journal.running.items())
        live = Counter((t.name, kind_of(t), self._cell_of(i)) for i, t in running)
        submitted = {row[0]: row[6] for row in self._journal.unfinished()}
        tasks_here = [
            (i, t.name, kind_of(t), submitted.get(i, 0), self._cell_of(i))
            for i, t in running[: changes.HELD_MAX]
        ]
        since_ns = max((row[3] for row in tasks_here), default=0)
        activity = "RUNNING" if running else "IDLE"
        numbers = self.statistics(0)
        names = (
            "objects", "store_used_bytes", "spilled_bytes", "inline_bytes", "retries",
            "task_wall_ns", "task_cpu_ns",
        )  # fmt: skip
        return {
            "cursor": cursor, "forgotten": forgotten, "failures": {}, "waiting": [],
            "tasks": [tuple(t._replace(error_text=texts.get(t.id, ""))) for t in tasks],
            "groups": [tuple(group) for group in groups],
            "live": [(*key[:2], count, key[2]) for key, count in live.items()],
            "workers": [(0, self._pid, activity, "", len(running), tasks_here, since_ns, "")],
            "here": ("",),
            "totals": {
                **{name: numbers[name] for name in names}, "store_limit_bytes": 0,
                "live": len(running), "sent": len(running), "ready": 0,
                "finished": self._journal.ended["FINISHED"],
                "failed": self._journal.ended["FAILED"],
            },
        }  # fmt: skip

    def _census(self, most: int) -> list[tuple[Any, ...]]:
        """Return what ``runtime.core.census.largest`` does."""
        counts, outside = self._store.references(), self._store.held_outside()
        rows = []
        for object_id, value in self._store.values():
            row = self._object_row(object_id, len(value.payload), is_error=value.is_error)
            holders = counts.get(object_id, 0)
            own = outside.get(object_id, 0)
            kinds = (own, 0, 0, holders - own, 0)
            rows.append((
                object_id, row["object_size"], row["location"], holders, [self._pid], 0, False,
                kinds, value.look or value.payload[:changes.LOOK_BYTES],
            ))  # fmt: skip
        return heapq.nlargest(most, rows, key=lambda row: row[1])

    def _memory(self, most: int) -> Row:
        """Return what ``runtime.core.queries.memory`` does."""
        answer = memory(self._objects(), most)
        made_by = {}
        for record in self._journal.records():
            first, name, returns = record[0], record[2], record[9]
            made_by.update(dict.fromkeys(range(first, first + max(1, returns)), name))
        for found in answer["objects"]:
            found["made_by"] = made_by.get(found["object_id"], "put")
        return answer

    def _object(self, object_id: int) -> dict[str, Any]:
        """Return what ``runtime.core.census.one`` does."""
        value = dict(self._store.values()).get(object_id)
        if value is None:
            return {}
        row = self._object_row(object_id, len(value.payload), is_error=value.is_error)
        records = self._journal.records()
        found = [r for r in records if r[0] <= object_id < r[0] + max(1, r[9])]
        actor = self._actors.by_id.get(object_id)
        return {
            "state": row["task_status"], "name": found[-1][2] if found else "",
            "cell": self._cell_of(object_id), "size_bytes": row["object_size"],
            "location": row["location"], "look": value.look or value.payload[:changes.LOOK_BYTES],
            "version": "" if actor is None else version_of(actor.template.function),
            "actor": "" if actor is None else "DEAD" if actor.death else "ALIVE",
        }  # fmt: skip

    def _versions(self) -> dict[str, Any]:
        """Return what ``runtime.core.versions.live`` does."""
        version = _versions()
        counts = Counter(
            (version(template), template.name, self._cell_of(task_id))
            for task_id, template in list(self._journal.running.items())
            if kind_of(template) == TASK
        )
        living = [actor for actor in self._actors.by_id.values() if not actor.death]
        return {
            "tasks": [(*key, count) for key, count in counts.items() if key[0]],
            "actors": [(version(actor.template), actor.id) for actor in living],
        }

    def _tasks(self) -> Iterator[Row]:
        version = _versions()
        for task_id, template in list(self._journal.running.items()):
            yield {
                "task_id": task_id, "attempt_number": 0, "name": template.name, "state": "RUNNING",
                "actor_id": None, "type": TASK_TYPES[kind_of(template)],
                "func_or_class_name": template.name, "parent_task_id": 0, "worker_id": 0,
                "worker_pid": self._pid, "required_resources": dict(template.resources),
                "version": version(template) or None,
            }  # fmt: skip
        for record in reversed(self._journal.records()):
            (
                task_id, parent, name, status, pid, submit_ns, start_ns, end_ns, attempt,
                _, _, kind, actor_id, error_type,
            ) = record  # fmt: skip
            yield {
                "task_id": task_id, "attempt_number": attempt, "name": name, "state": status,
                "actor_id": task_id if kind == ACTOR else actor_id or None,
                "type": TASK_TYPES[kind], "func_or_class_name": name, "parent_task_id": parent,
                "worker_id": 0, "worker_pid": pid if start_ns else None, "error_type": error_type,
                "creation_time_ns": submit_ns, "start_time_ns": start_ns or None,
                "end_time_ns": end_ns,
            }  # fmt: skip

    def _actor_rows(self) -> Iterator[Row]:
        version = _versions()
        for record in reversed(self._journal.records()):
            actor_id, class_name, kind = record[0], record[2], record[RECORD_FIELDS]
            if kind != ACTOR:
                continue
            actor = self._actors.by_id.get(actor_id)
            death = actor.death if actor is not None else "no handle to it was left"
            key = actor.key if actor is not None else None
            yield {
                "actor_id": actor_id, "class_name": class_name, "name": key[1] if key else "",
                "state": "DEAD" if death else "ALIVE", "pid": self._pid,
                "death_cause": death or None,
                "version": None if death or actor is None else version(actor.template),
            }  # fmt: skip

    def _objects(self) -> Iterator[Row]:
        counts = self._store.references()
        values = self._store.values()
        inside: dict[int, list[int]] = {}
        for outer, value in values:
            for object_id in value.contained:
                inside.setdefault(object_id, []).append(outer)
        for object_id, value in values:
            row = self._object_row(object_id, len(value.payload), is_error=value.is_error)
            own = "ACTOR_HANDLE" if object_id in self._actors.by_id else "LOCAL_REFERENCE"
            around = inside.get(object_id, ())
            if counts.get(object_id, 0) > len(around):
                yield row | {"reference_type": own, "held_by": "driver"}
            for outer in around:
                who = {"reference_type": "CAPTURED_IN_OBJECT", "held_by": f"object {outer:x}"}
                yield row | who

    def _object_row(self, object_id: int, size_bytes: int, *, is_error: bool) -> Row:
        location = "MESSAGE" if size_bytes <= self._inline_max_bytes else "MEMORY"
        return {
            "object_id": object_id, "object_size": size_bytes, "attempt_number": 0,
            "task_status": "FAILED" if is_error else "FINISHED",
            "location": "ERROR" if is_error else location, "type": "DRIVER", "pid": self._pid,
        }  # fmt: skip

    def _workers(self) -> Iterator[Row]:
        yield {
            "worker_id": 0, "is_alive": True, "worker_type": "DRIVER", "pid": self._pid,
            "activity": None, "actor_id": None, "task_ids": list(self._journal.running),
        }  # fmt: skip


def _versions() -> Callable[[TaskTemplate], str]:
    """Return what tells the versions of templates for one answer, looking at each once.

    Not for longer: ``%autoreload`` changes functions and classes where they are.
    """
    return cache(lambda template: version_of(template.function))
