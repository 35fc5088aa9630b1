"""Ids of tasks, objects, actors and functions: plain ints, minted by the caller.

An id is ``client_id << COUNTER_BITS | counter``: every process of a session counts
for itself, so minting needs no message. Return value ``i`` of a task has the id
``task_id + i``; an actor has the id of its creation task. Ints rather than objects,
because they are hashed, compared and marshalled millions of times (an ``os.urandom``
id costs 12 times as much, a slotted wrapper 3 times).
"""

from __future__ import annotations

COUNTER_BITS = 32
DRIVER_ID = 0
"""The client id of the process that started the session."""


def first_id(client_id: int) -> int:
    """Return the smallest id that ``client_id`` may mint (0 is never an id)."""
    return (client_id << COUNTER_BITS) + 1


def stream_key(task_id: int) -> int:
    """Return what stands for "the stream of this task has something to give" among ids.

    Never an id, so that a process can wait for streams and objects together.
    """
    return -2 * task_id


def pause_key(task_id: int) -> int:
    """Return what stands for "this task may yield again" among ids, where the task runs."""
    return -2 * task_id - 1


class Reference:
    """The identity of an object, as the layers below ``ObjectRef`` know it.

    ``ray_jupyter.refs.ObjectRef`` adds what users see. The runtime only needs to
    recognise a reference among arguments and to read its id and its session.
    """

    __slots__ = ("__weakref__", "id", "session_id")

    id: int
    session_id: str
