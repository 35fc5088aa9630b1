"""Values and waiting for them, on a Ray cluster: one part of the backend."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

import ray

from ray_jupyter.backends.ray_cluster.faults import asks, translated
from ray_jupyter.backends.ray_cluster.ids import Ids, RayId, are_there, is_actor_call
from ray_jupyter.backends.ray_cluster.reports import Reports
from ray_jupyter.backends.ray_cluster.streams import Streams
from ray_jupyter.backends.ray_cluster.watching import Watch
from ray_jupyter.errors import RayError
from ray_jupyter.runtime.store.serialization import serialize


class Objects(Reports):
    """See ``Backend``."""

    _ids: Ids
    _streams: Streams
    _watch: Watch

    @asks
    def put(self, value: object) -> int:
        """See ``Backend.put``."""
        try:
            return self._ids.of_value(ray.put(value))
        except (ray.exceptions.RayError, RayError):
            raise
        except Exception as error:  # a user's __reduce__ may raise anything
            serialize(value)  # says what cannot be pickled
            raise error

    def get(self, ids: Sequence[int], timeout_s: float | None) -> list[Any]:
        """See ``Backend.get``."""
        refs = [number.ref for number in ids]  # type: ignore[attr-defined]
        try:
            found: list[Any] = self._watch.get(refs, timeout_s)
        except ray.exceptions.GetTimeoutError as error:
            raise translated(error) from None
        except ray.exceptions.RayError as error:
            raise self._first_error(refs, error) from None
        return found

    def _first_error(self, refs: Sequence[Any], error: BaseException) -> BaseException:
        """Return the first error in order: Ray raises the first that happens."""
        for ref in refs[:-1]:
            try:
                self._watch.get(ref, None)
            except ray.exceptions.RayError as earlier:
                return translated(earlier)
        return translated(error)

    def wait(
        self, ids: Sequence[int], num_returns: int, timeout_s: float | None
    ) -> tuple[list[int], list[int]]:
        """See ``Backend.wait``."""
        if not ids:
            threading.Event().wait(timeout_s)
            return [], []
        places: dict[Any, int] = {}
        closed: list[int] = []
        for number in ids:
            ref = number.ref if isinstance(number, RayId) else self._streams.generator(-number // 2)
            if ref is None:
                closed.append(number)
            else:
                places[ref] = number
        wanted = num_returns - len(closed)
        ready = set(closed)
        if places and wanted > 0:
            found = self._watch.wait_in_order([*places], min(wanted, len(places)), timeout_s)
            ready.update(places[ref] for ref in found)
        first = [number for number in ids if number in ready][:num_returns]
        taken = set(first)
        return first, [number for number in ids if number not in taken]

    def future(self, object_id: int) -> Future[Any]:
        """See ``Backend.future``."""
        if not isinstance(object_id, RayId):
            return self._streams.future(-object_id // 2)
        future: Future[Any] = Future()

        def settle(done: Future[Any]) -> None:
            if not future.set_running_or_notify_cancel():
                return
            error = done.exception()
            if error is None:
                future.set_result(done.result())
            else:
                future.set_exception(translated(self._watch.told(error)))

        object_id.ref.future().add_done_callback(settle)
        return future

    @asks
    def cancel(self, object_id: int, *, force: bool, recursive: bool) -> None:
        """See ``Backend.cancel``."""
        if isinstance(object_id, RayId):
            ref = object_id.ref
        else:  # of a cell's task, to which no reference may be left
            ref = self._ids.first_result(object_id)
        if ref is None or (not (force and is_actor_call(ref)) and are_there([ref])):
            return
        try:
            ray.cancel(ref, force=force, recursive=recursive)
        except ValueError as error:
            if not force:
                raise
            raise ValueError(
                "cancel(force=True) would end the actor with the call: cancel without force, or "
                "end the actor with kill()"
            ) from error
        except TypeError:
            if isinstance(object_id, RayId):
                raise
            return  # nobody refers to its result any more: Ray has no way to name the task
