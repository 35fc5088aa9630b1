"""How many workers there are and shall be, and who has too much to do.

Starting workers for tasks that wait is ``placement``'s; here is what happens by and by, when a
deadline passes or a worker dies.
"""

from __future__ import annotations

from ray_jupyter.runtime.core import commands as c
from ray_jupyter.runtime.core import events as e
from ray_jupyter.runtime.core import leases
from ray_jupyter.runtime.core.leases import fits
from ray_jupyter.runtime.core.outbox import Outbox
from ray_jupyter.runtime.core.placement import pool_size, top_up_pool
from ray_jupyter.runtime.core.state import ClientRecord, ClusterState
from ray_jupyter.runtime.protocol.specs import RESOURCE_UNITS

STALL_NS = 2_000_000
"""A worker that made no progress for this long gives its unstarted tasks to an idle one."""
SPARE_IDLE_NS = 1_000_000_000
CPU = "CPU"


def join(state: ClusterState, out: Outbox, event: e.ClientJoined, now_ns: int) -> None:
    """A process is there: a driver, or a worker that can be given tasks."""
    client = ClientRecord(event.client, event.is_worker, event.pid)
    client.progress_ns = now_ns
    state.clients[event.client] = client
    state.processes[event.client] = (event.pid, event.is_worker)
    if event.is_worker:
        state.starting = max(0, state.starting - 1)
        state.idle[event.client] = client
    if state.is_resized:
        out.commands.append(c.Total(event.client, dict(state.total)))


def rebalance(state: ClusterState, out: Outbox, now_ns: int) -> None:
    """Recall what stalled workers hold while others could run it."""
    if not _has_slack(state):
        return
    for worker in state.clients.values():
        if _may_stall(state, worker) and now_ns - worker.progress_ns >= STALL_NS:
            worker.recalled = True  # until it ends a task: else it would get them again
            out.commands.append(c.Recall(worker.id))


def stall_deadline_ns(state: ClusterState) -> int | None:
    """Return when ``rebalance`` is worth a look, or ``None``."""
    if not _has_slack(state):
        return None
    stalls = [w.progress_ns + STALL_NS for w in state.clients.values() if _may_stall(state, w)]
    return min(stalls, default=None)


def _may_stall(state: ClusterState, worker: ClientRecord) -> bool:
    return (
        len(worker.inflight) > 1 and not worker.recalled and worker.actor is None
        and worker.blocked_on is None and worker.lease is not None
        and fits(state, worker.lease)  # what it gives back could run now
    )  # fmt: skip


def _has_slack(state: ClusterState) -> bool:
    """Return whether some worker could run more than it has."""
    if state.idle or state.starting:
        return True
    return any(w.blocked_on is not None for w in state.clients.values())


def retire_spares(state: ClusterState, out: Outbox, now_ns: int) -> None:
    """End workers beyond the target that have been idle for a while, newest first."""
    for worker in _surplus(state):
        if now_ns - worker.progress_ns >= SPARE_IDLE_NS:
            worker.stopping = True
            (state.settled if worker.environment else state.idle).pop(worker.id)
            out.commands.append(c.StopWorker(worker.id))


def spare_deadline_ns(state: ClusterState) -> int | None:
    """Return when ``retire_spares`` is worth a look, or ``None``."""
    return min((w.progress_ns + SPARE_IDLE_NS for w in _surplus(state)), default=None)


def _surplus(state: ClusterState) -> list[ClientRecord]:
    if len(state.clients) <= state.workers_target or not (state.idle or state.settled):
        return []
    newest_first = sorted([*state.idle.values(), *state.settled.values()], key=lambda w: -w.id)
    return newest_first[: max(0, pool_size(state) - state.workers_target)]


def renew(state: ClusterState, out: Outbox) -> None:
    """End the idle workers, and start others that know nothing of what those have done."""
    idle = [*state.idle.values(), *state.settled.values()]
    state.idle.clear()
    state.settled.clear()
    for worker in idle:
        leases.stop(out, worker)
        top_up_pool(state, out)


def resize(state: ClusterState, out: Outbox, event: e.ResizeRequested) -> None:
    """Have more or fewer CPUs and workers from now on; the answer is why not, or nothing.

    Refused where work that has not ended could never run, or nothing beside it. What runs goes
    on: until it ends, more may be in use than there is. Workers beyond the target end when they
    have been idle for a while.
    """
    units = event.cpus * RESOURCE_UNITS
    refusal = _obstacle(state, units)
    if not refusal:
        change = units - state.total.get(CPU, 0)
        state.total[CPU] = units
        state.available[CPU] = state.available.get(CPU, 0) + change
        state.workers_target = event.cpus
        state.is_resized = True
        for client in state.clients:
            out.commands.append(c.Total(client, dict(state.total)))
        missing = max(0, event.cpus - pool_size(state) - state.starting)
        if missing:
            state.starting += missing
            out.commands.append(c.StartWorkers(missing))
    out.commands.append(c.Reply(event.client, event.request, refusal))


def _obstacle(state: ClusterState, units: int) -> str:
    """Return who could not run, or would leave nothing to others, with so many units of CPU."""
    for task in state.tasks.values():
        asked = dict(task.shape).get(CPU, 0)
        if asked > units:
            return f"{task.template.name} has not ended and asks for {asked / RESOURCE_UNITS:g} CPU"
    kept = sum(dict(leases.kept(worker)).get(CPU, 0) for worker in state.clients.values())
    if kept > units:
        return f"living actors have {kept / RESOURCE_UNITS:g} CPU"
    return ""


def start_deadline_ns(state: ClusterState, now_ns: int) -> int | None:
    """Return when workers may be started again, or ``None`` if they may."""
    return state.start_after_ns if state.start_after_ns > now_ns else None
