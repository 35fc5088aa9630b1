"""What remains of a failed task: enough to run it again, once its function has been mended.

Lives here: what is remembered of failed tasks, and for how long. Does not: how they failed
(``recovery``), running them again (``resuming``).

Rules
    * A task that failed with an error of the user's code, or because its worker died, is
      remembered while somebody holds an object that has this error; so is every task that failed
      with it, because it needed its result. All of them share a ``FailureRecord``.
    * What is remembered goes on holding what the task was given: an error that can be mended
      keeps its inputs.
    * At most ``LIMIT_BYTES`` are remembered; the oldest is forgotten first.
"""

from __future__ import annotations

from ray_jupyter.runtime.core.failures import FailureRecord, RemainsRecord
from ray_jupyter.runtime.core.outbox import Outbox
from ray_jupyter.runtime.core.references import discard, forget_remains
from ray_jupyter.runtime.core.state import ClusterState, TaskRecord
from ray_jupyter.runtime.protocol.messages import TASK

LIMIT_BYTES = 64_000_000


def keep(state: ClusterState, out: Outbox, task: TaskRecord, failure: FailureRecord | None) -> bool:
    """A task has failed: remember it if somebody may want it to run again.

    Return whether what it held is held by what remains from now on.
    """
    if failure is None or task.template.kind != TASK or task.id in state.remains:
        # The last: it ran again for another of its results, which was lost, and failed again.
        return False
    ids = range(task.id, task.id + task.num_returns)
    mine = [i for i in ids if i in state.objects and state.objects[i].failure is failure]
    if not mine:
        return False
    known = RemainsRecord(task, failure, len(mine))
    failure.remains.update(dict.fromkeys(mine, known))
    state.remains[task.id] = known
    task.template.remembered += 1
    state.remains_bytes += known.cost_bytes
    while state.remains_bytes > LIMIT_BYTES:
        oldest = next(iter(state.remains.values()))
        for object_id in [i for i, r in oldest.failure.remains.items() if r is oldest]:
            del oldest.failure.remains[object_id]
        discard(state, out, forget_remains(state, out, oldest))
    return True
