"""Run failed tasks again, once their function has been mended: *resume*.

Lives here: what can be resumed, and doing it. Does not: what is remembered of failed tasks
(``remains``), repeating what has been done before because its result was lost
(``reconstruction``).

Rules
    * The task that failed and every task that failed with its error run again, as if none had
      ended: each object of that failure misses its value again.
    * Whoever knew the error is told to forget it (``Retract``), before anything else about the
      object.
    * Calls of actors are not resumed: what they changed stays changed. Nor is what yields.
"""

from __future__ import annotations

from ray_jupyter.runtime.core import commands as c
from ray_jupyter.runtime.core import events as e
from ray_jupyter.runtime.core import recovery
from ray_jupyter.runtime.core.failures import RemainsRecord
from ray_jupyter.runtime.core.outbox import Outbox
from ray_jupyter.runtime.core.reconstruction import have_others_wait
from ray_jupyter.runtime.core.references import await_missing, discard, release_template
from ray_jupyter.runtime.core.state import ClusterState, TaskRecord, TemplateRecord
from ray_jupyter.runtime.protocol.messages import TASK


def find(state: ClusterState, object_id: int) -> RemainsRecord | str:
    """Return the task whose failure an object has for its value; or why it cannot run again."""
    known = state.remains.get(object_id)
    if known is not None and known.failure.task == known.task:
        return known
    record = state.objects.get(object_id)
    if record is None:
        return "the object is not there"
    if record.value is None:
        return "its task has not ended"
    if not recovery.is_error(record.value):
        return "its task has not failed"
    if record.failure is None:
        return (
            "only what a task raised, and what ended its worker, can be mended: cancelled tasks, "
            "dead actors, lost objects and generators cannot"
        )
    known = state.remains.get(record.failure.task)
    if known is not None and known.failure is record.failure:
        return known
    return (
        f"{record.failure.name} is a method, which is not run again (what it changed stays "
        "changed); or it yields, or it was forgotten"
    )


def describe(state: ClusterState, object_id: int) -> str | dict[str, object]:
    """Return what it takes to run a failed task elsewhere; or why that cannot be."""
    known = find(state, object_id)
    if isinstance(known, str):
        return known
    definition = known.template.definition
    return {
        "task": known.task, "name": known.template.name, "function": definition[2],
        "arguments": known.args, "deps": list(known.deps), "num_returns": known.num_returns,
        "dependents": sorted({
            other.template.name
            for other in known.failure.remains.values() if other is not known
        }),
    }  # fmt: skip


def resume(state: ClusterState, out: Outbox, event: e.ResumeRequested, now_ns: int) -> None:
    """Run a failed task again, with the tasks that failed because of it."""
    known = find(state, event.object_id)
    template = state.templates.get(event.template) if event.template else None
    if not isinstance(known, str) and template is not None:
        known = _obstacle(known, template) or known
    if not isinstance(known, str) and any(
        other.task in state.tasks for other in known.failure.remains.values()
    ):
        known = "one of its tasks runs at this moment, for a result that was lost: try later"
    if isinstance(known, str):
        out.commands.append(c.Reply(event.client, event.request, known))
        return
    failure = known.failure
    again = list({r.task: r for r in failure.remains.values()}.values())
    records = [r for r in state.objects.values() if r.failure is failure]
    retracted = [state.objects[i] for i in failure.remains]
    stuck = len(records) - len(retracted)
    _tell(state, out, [record.id for record in retracted])
    have_others_wait(state, retracted)  # those that wait for something else, too
    tasks = {r.task: _run_again(state, r, template if r is known else None, now_ns) for r in again}
    for record in retracted:
        record.value, record.failure = None, None
        record.producer = tasks[failure.remains[record.id].task]
    failure.objects, failure.seen = stuck, True
    failure.remains = {}
    for task in tasks.values():
        await_missing(state, task)
    names = [task.template.name for task in tasks.values()]
    out.commands.append(c.Reply(event.client, event.request, {"tasks": names, "stuck": stuck}))
    for task in tasks.values():
        if not task.missing:
            recovery.admit(state, out, task)
    if template is not None:
        discard(state, out, release_template(state, out, known.template.id))


def _obstacle(known: RemainsRecord, template: TemplateRecord) -> str:
    if template.kind != TASK or template.num_returns != known.num_returns:
        return (
            f"{known.template.name} made {known.num_returns} objects, which have references, and "
            f"{template.name} makes {template.num_returns}: give it the same num_returns"
        )
    return ""


def _tell(state: ClusterState, out: Outbox, ids: list[int]) -> None:
    """Whoever holds some of these may believe that they are errors."""
    for client in state.clients.values():
        mine = [object_id for object_id in ids if object_id in client.held]
        if mine:
            out.commands.append(c.Retract(client.id, mine))


def _run_again(
    state: ClusterState, known: RemainsRecord, template: TemplateRecord | None, now_ns: int
) -> TaskRecord:
    """Create the task anew, as a child of nobody; what remains held it holds from now on."""
    del state.remains[known.task]
    state.remains_bytes -= known.cost_bytes
    known.template.remembered -= 1
    if template is None:
        template = known.template
    else:
        template.users += 1
    spec = (known.task, template.id, known.args, known.deps, known.held, 0)
    task = TaskRecord(spec, template, known.submitter, now_ns)
    task.root = known.root
    state.tasks[task.id] = task
    return task
