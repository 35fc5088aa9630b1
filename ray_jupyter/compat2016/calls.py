"""Small functions of 2016 that say the same as one of today's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ray_jupyter import api
from ray_jupyter.refs import ObjectRef


def disconnect() -> None:
    """Leave the session, which ends with its driver: ``shutdown()``."""
    api.shutdown()


def register_class(cls: type, pickle: bool = False) -> None:
    """Accept a class that tasks take or return; every class can travel, so nothing happens.

    Args:
        cls: the class.
        pickle: how it was to be pickled in 2016; both ways give the same now.

    Raises:
        TypeError: not a class.
    """
    if not isinstance(cls, type):
        raise TypeError(f"register_class() needs a class, got {cls!r}")
    if not isinstance(pickle, bool):
        raise TypeError(f"register_class() needs pickle=True or False, got {pickle!r}")


def select(
    object_refs: Sequence[ObjectRef[Any]],
    num_objects: int | None = None,
    timeout: float | None = None,
) -> list[int]:
    """Return the indices of references whose values are there, in order; see ``wait``.

    Args:
        object_refs: distinct references.
        num_objects: how many to wait for, and to return at most; ``None`` does not wait and
            returns all that are there.
        timeout: seconds after which fewer may be returned; ``None`` waits for ever.

    Raises:
        TypeError, ValueError, StaleRefError: as ``wait``.
    """
    refs = list(object_refs)
    if not refs:
        return []
    if num_objects is None:
        ready, _ = api.wait(refs, num_returns=len(refs), timeout=0)
    else:
        ready, _ = api.wait(refs, num_returns=num_objects, timeout=timeout)
    index = {ref: place for place, ref in enumerate(refs)}
    return [index[ref] for ref in ready]
