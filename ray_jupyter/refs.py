"""``ObjectRef``: the name of a value that may not exist yet.

Lives here: what users see of a reference, and its life: every ``ObjectRef`` counts once,
its death is told to the backend, and one that comes out of a pickle counts anew.
Does not: the counting itself (the backend).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from ray_jupyter import session
from ray_jupyter.runtime.protocol.ids import Reference

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from concurrent.futures import Future

    from ray_jupyter.backends.base import Backend

T_co = TypeVar("T_co", covariant=True)


class ObjectRef(Reference, Generic[T_co]):
    """A reference to the result of a task, or to a value given to ``put``.

    Hashable, comparable with ``==``, awaitable; ``get`` returns the value.
    """

    __slots__ = ("_drop", "_task_id")

    _drop: Callable[[int], object]
    _task_id: int  # set where it is not ``id``

    def __init__(self, object_id: int, session_id: str, drop: Callable[[int], object]) -> None:
        self.id = object_id
        self.session_id = session_id
        # Bound here, so that ``__del__`` needs neither globals nor imports at exit.
        self._drop = drop

    def __del__(self) -> None:
        try:
            self._drop(self.id)
        except AttributeError:  # the constructor was refused: nothing was counted
            return

    def hex(self) -> str:
        """Return the reference's name in hexadecimal: the session's, then the object's."""
        return f"{self.session_id}{self.id:016x}"

    def task_id(self) -> str:
        """Return the name of the task that makes the value, in the form of ``hex``."""
        return f"{self.session_id}{getattr(self, '_task_id', self.id):016x}"

    def future(self) -> Future[T_co]:
        """Return a ``concurrent.futures.Future`` of the value.

        Raises:
            StaleRefError: the session has ended.
        """
        return session.owner_of(self).future(self.id)

    def __await__(self) -> Generator[Any, None, T_co]:
        import asyncio

        return asyncio.wrap_future(self.future()).__await__()

    def __iter__(self) -> NoReturn:
        raise TypeError("an ObjectRef is not the value itself: use ray.get(ref), then iterate")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ObjectRef):
            return NotImplemented
        return self.id == other.id and self.session_id == other.session_id

    def __hash__(self) -> int:
        return self.id

    def __repr__(self) -> str:
        return f"ObjectRef({self.hex()})"

    def __copy__(self) -> ObjectRef[T_co]:
        return _rebuild_ref(self.id, self.session_id, getattr(self, "_task_id", None))

    def __deepcopy__(self, memo: dict[int, Any]) -> ObjectRef[T_co]:
        return self.__copy__()

    def __reduce__(self) -> tuple[Any, ...]:
        from ray_jupyter.runtime.store.serialization import note_reference

        backend = session.owner_of(self)
        if not note_reference(self):
            # A pickle of the user's own, which may be loaded at any time: nothing can tell
            # when it is gone, so the object stays until the session ends.
            backend.hold(self.id)
        return _rebuild_ref, (self.id, self.session_id, getattr(self, "_task_id", None))


def new_refs(backend: Backend, task_id: int, num_returns: int) -> Any:
    """Return what ``.remote`` gives for ``num_returns``: one ref, a list of them, or None."""
    if num_returns == 1:
        return ObjectRef(task_id, backend.session_id, backend.drop)
    if num_returns == 0:
        return None
    refs: list[ObjectRef[Any]] = []
    for object_id in backend.result_ids(task_id, num_returns):
        ref: ObjectRef[Any] = ObjectRef(object_id, backend.session_id, backend.drop)
        ref._task_id = task_id
        refs.append(ref)
    return refs


def _rebuild_ref(object_id: int, session_id: str, task_id: int | None) -> ObjectRef[Any]:
    backend = session.current
    if backend is not None and backend.session_id == session_id:
        backend.hold(object_id)
        ref: ObjectRef[Any] = ObjectRef(object_id, session_id, backend.drop)
    else:  # of another session: it may be looked at, and every use of it says so
        ref = ObjectRef(object_id, session_id, _not_counted)
    if task_id is not None:
        ref._task_id = task_id
    return ref


def _not_counted(object_id: int) -> None:
    """Stand in for ``Backend.drop`` where no backend counts the reference."""
