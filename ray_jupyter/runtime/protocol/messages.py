"""The messages between the scheduler and its clients (the driver and the workers).

A message is a plain tuple ``(KIND, field, …)``; a frame holds a list of them, in order.
Plain tuples rather than classes: they are what ``marshal`` reads and writes, and a
class per message costs more than the whole encoding. The tables below are the types.

=============  ==========================================================================
to scheduler   fields
=============  ==========================================================================
SUBMIT         specs: list of ``Spec``
CLAIM          specs that this worker already runs itself (see client, "in place")
DEFINE         template id, ``Definition``
UNDEFINE       template ids that no call will name again
PUT            list of (object id, ``Descriptor``, ids of references inside)
HOLD, RELEASE  object ids this process began, ceased to hold
WANT           object ids whose descriptors this process waits for
FINISHED       list of ``Result``
YIELDED        task id, place of the first item, list of (object id, ``Descriptor``, references
               inside): items of a stream, which belong to whoever submitted the task
CONSUMED       task id, how many items of its stream have been taken (with back-pressure only)
CLOSED         task ids whose streams this process will not read any more
BLOCKED        ids a running task waits for, task ids handed back unstarted
UNBLOCKED      -
RETURNED       task ids handed back unstarted (answer to RECALL)
CANCEL         object id, force, recursive
KILL_ACTOR     actor id, whether it may not start again
ACTOR_EXITED   how: the actor of this process ends of its own will
FIND_ACTOR     request id, namespace, name
SEEN           object ids whose errors were raised here
RESUME_FAILED  request id, object id, template id: run the failed task again (0: as it was)
ALLOCATE       request id, size in bytes, patient (there is no other way than to wait)
ABANDON        offset of an extent that was granted and will not be used
PUNCHED        offsets of a grant's extents to give back, whether that was done
SPILLED        request id, list of (object id, path)
RESTORED       object id, offset, size in bytes
LOST           object id, path of its file, why it cannot be read
UNPIN          object ids of which this process keeps no mapping any more
QUERY          request id, question, argument
CELL           id: what is submitted from now on belongs to this cell of a notebook
MOVED          task id (0: of the driver's cell), ns that pickling its arguments and results, and
               reading them again, took here
PRINTED        - (read what this worker has written, before what follows)
RENEW          - (end idle workers and start others in their place)
RESIZE         request id, CPUs: so many shall there be from now on
=============  ==========================================================================

=============  ==========================================================================
from it        fields
=============  ==========================================================================
EQUIP          numbers of the GPUs that this worker may use from now on
TASKS          definitions: list of (template id, ``Definition``), list of ``Assignment``,
               in place (the receiver is blocked and waits for these very tasks)
OBJECTS        list of (object id, ``Descriptor``)
RETRACT        object ids that were errors and are made again
STREAM         task id, list of (object id, value as bytes if it is small, or None), state
               (``OPEN``, or how the stream ended: the last message of a stream says so)
RESUME         task id, how many items of its stream have been taken
GRANT          request id, offset, warm, extents to give back first: list of (offset, size)
DENY           request id, census (text)
SPILL          request id, list of (object id, offset, size in bytes)
RECLAIM        - (give up every mapping without a live view)
RECALL         - (hand back every task not yet started)
INTERRUPT      task id
FORGET         template ids
REPLY          request id, answer (to FIND_ACTOR: ``None``, or (``FOUND``, actor id, handle), and
               from then on this process holds the actor)
OUTPUT         list of ``output.Output``: what tasks printed (to a driver)
TOTAL          resources of the session from now on: units by name
STOP           -
=============  ==========================================================================

``Spec``        (task id, template id, arguments, dependencies, held, parent task id)
``Assignment``  (task id, template id, arguments, dependencies: (object id, ``Descriptor``) each,
                actor id)
``Result``      (task id, status, outputs, start ns, end ns, cpu ns)
``Definition``  (kind, name, function ``Descriptor``, references inside, resources, num
                returns, max retries, method, extras)

Extras are (name, plain value) pairs: options that few templates have, so that a new one costs
neither a field nor a byte where it is not given. ``COMPANION`` is the id of an object that a
worker loads before it first calls the function.

Arguments are pickled bytes; ``held`` are references inside them. Outputs are bytes (one
small value without references inside), or a list of (``Descriptor``, references inside).

A ``Descriptor`` says how to get at a value: ``bytes`` (it is the value), or a tuple that
begins with ``STORED`` (offset, size, what it looks like), ``SPILLED`` (path, size, the same),
``FAILED`` (pickled error, and the number of attempts if there were several), ``SYSTEM_ERROR``
(error name, text) or ``ACTOR_ERROR`` (text, pickled error or None).
"""

from __future__ import annotations

from typing import Any

Message = tuple[Any, ...]
Descriptor = Any
Spec = tuple[int, int, bytes, tuple[int, ...], tuple[int, ...], int]
Assignment = tuple[int, int, bytes, "tuple[tuple[int, Descriptor], ...]", int]
Result = tuple[int, int, Any, int, int, int]
Definition = tuple[
    str, str, Descriptor, tuple[int, ...], tuple[tuple[str, int], ...], int, int, str,
    tuple[tuple[str, Any], ...],
]  # fmt: skip

(
    SUBMIT, CLAIM, DEFINE, UNDEFINE, PUT, HOLD, RELEASE, WANT, FINISHED, BLOCKED, UNBLOCKED,
    RETURNED, CANCEL, KILL_ACTOR, ALLOCATE, ABANDON, PUNCHED, SPILLED_OUT, RESTORED, UNPIN, QUERY,
    RENEW, YIELDED, CONSUMED, CLOSED, LOST, ACTOR_EXITED, FIND_ACTOR, SEEN, CELL, PRINTED,
    RESUME_FAILED, RESIZE, MOVED,
) = range(34)  # fmt: skip

(
    TASKS, OBJECTS, GRANT, DENY, SPILL, RECLAIM, RECALL, INTERRUPT, FORGET, REPLY, STOP, STREAM, RESUME,
    EQUIP, OUTPUT, RETRACT, TOTAL,
) = range(34, 51)  # fmt: skip

STORED, SPILLED, FAILED, SYSTEM_ERROR, ACTOR_ERROR = (
    "stored",
    "spilled",
    "failed",
    "system",
    "actor",
)

FOUND = "found"
"""Begins the answer to a FIND_ACTOR that found one."""

TASK, ACTOR, METHOD = "task", "actor", "method"
"""The kinds of a ``Definition``."""

COMPANION = "companion"
"""The name of an extra: see above."""
EDITED = "edited"
"""The extra that tells which modules of the user's have been edited, and when: before a worker
loads the function, it forgets what it has imported of them earlier. See ``client.modules``."""
VERSION = "version"
"""The extra that tells one version of a function or class from another: see ``client.versions``."""
STREAMING = "streaming"
"""The extra of a template whose calls yield: most items that wait untaken; 0 is no limit. A
call makes one object, the completion; items get ids as they come."""
AFTER = "after"
"""The extra that names a function (``module:name``) that makes results of what was returned."""

OPEN, ENDED, ENDED_BADLY = range(3)
"""The states of a stream. One that ended badly gives the completion as its last item."""

RUNTIME_ENV, MAX_CALLS, TASK_EVENTS = "runtime_env", "max_calls", "enable_task_events"
"""Names of extras: the environment as text (see ``ray_jupyter.environment``), after how many
calls a worker ends, and ``False`` if no record of a call is kept."""

SHOWS_ERRORS = "shows_errors"
"""The extra of a function that prints, itself, what it raises: nobody needs to be told again."""

MOVED_NS = 1_000_000
"""So much is gathered before it is told."""

OK, ERROR, RETRYABLE_ERROR, CANCELLED = range(4)
"""The statuses of a ``Result``. The worker, which knows the user's exception types,
decides whether an error is one of ``retry_exceptions``; the scheduler counts."""
