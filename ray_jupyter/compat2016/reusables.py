"""``ray.reusables``: variables that each worker makes once and that tasks may change.

::

    ray.reusables.env = ray.Reusable(make_env, reset_env)

    @ray.remote
    def rollout(seed):
        env = ray.reusables.env          # made at the worker's first use, then reset
        ...

Rules
    * Definitions are made in the driver and travel as the *companion* of every function that
      is registered afterwards (``Backend.accompany``), whatever module uses them. They carry
      the time of their making: the newest of a name wins, wherever it comes from.
    * A value belongs to one attempt at a task, from its first use to the attempt's end. The
      next attempt that wants the variable gets the same value, re-initialised. That is done
      then, not when the attempt ends, so a task whose variable cannot be re-initialised fails
      with that error, and tasks that use no variable pay nothing.
    * A task that runs while another waits on the same worker gets a value of its own.
    * The driver has a value of its own, which is never re-initialised.
    * An actor that is running keeps the definitions it started with.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ray_jupyter import session
from ray_jupyter.runtime.store.serialization import serialize

if TYPE_CHECKING:
    from ray_jupyter.backends.base import Backend


class Reusable:
    """How to make a variable of ``ray.reusables``.

    Args:
        initializer: called without arguments; returns the variable's value.
        reinitializer: takes the value after a task has used it, and returns the value for the
            next one. Without it the initializer is called again.

    Raises:
        TypeError: one of them cannot be called.
    """

    def __init__(
        self,
        initializer: Callable[[], Any],
        reinitializer: Callable[[Any], Any] | None = None,
    ) -> None:
        given: dict[str, Any] = {"initializer": initializer}
        if reinitializer is not None:
            given["reinitializer"] = reinitializer
        for name, function in given.items():
            if not callable(function):
                raise TypeError(f"Reusable() needs a function as {name}, got {function!r}")
        self.initializer = initializer
        self.reinitializer = reinitializer

    def make(self) -> Any:
        """Return a new value."""
        return self.initializer()

    def make_again(self, value: Any) -> Any:
        """Return the value for the next task, after one has used ``value``."""
        return self.initializer() if self.reinitializer is None else self.reinitializer(value)

    def __repr__(self) -> str:
        given = [getattr(self.initializer, "__name__", repr(self.initializer))]
        if self.reinitializer is not None:
            given.append(getattr(self.reinitializer, "__name__", repr(self.reinitializer)))
        return f"Reusable({', '.join(given)})"


class _Slot:
    """One value, and the attempt that has it; ``owner`` is ``None`` for the driver's."""

    __slots__ = ("owner", "value")

    def __init__(self, value: Any, owner: weakref.ref[object] | None) -> None:
        self.value = value
        self.owner = owner

    def is_of(self, attempt: object | None) -> bool:
        """Return whether this is the value of the attempt, or the driver's for ``None``."""
        if self.owner is None or attempt is None:
            return self.owner is attempt
        return self.owner() is attempt


class _Variable:
    """A definition and the values made from it in this process."""

    __slots__ = ("definition", "made_ns", "slots")

    def __init__(self, definition: Reusable, made_ns: int) -> None:
        self.definition = definition
        self.made_ns = made_ns
        self.slots: list[_Slot] = []

    def value_for(self, stack: tuple[object, ...]) -> Any:
        """Return the value of the innermost attempt, made or re-initialised if need be."""
        attempt = stack[-1] if stack else None
        for slot in self.slots:
            if slot.is_of(attempt):
                return slot.value
        owner = None if attempt is None else weakref.ref(attempt)
        free = [slot for slot in self.slots if slot.owner and slot.owner() not in stack]
        if attempt is not None and free:
            slot = free[-1]
            self.slots.remove(slot)  # until it is fit for use again, which may fail
            slot = _Slot(self.definition.make_again(slot.value), owner)
        else:
            slot = _Slot(self.definition.make(), owner)
        self.slots.append(slot)
        return slot.value


class Reusables:
    """The variables, as attributes: see the module docstring. There is one: ``reusables``."""

    _variables: dict[str, _Variable | int]
    """By name; of one that was deleted, the time when."""
    _lock: threading.RLock

    def __init__(self) -> None:
        vars(self).update(_variables={}, _lock=threading.RLock())

    def __setattr__(self, name: str, value: Any) -> None:
        if not isinstance(value, Reusable):
            raise TypeError(
                f"ray.reusables.{name} needs a ray.Reusable(initializer, reinitializer), got "
                f"{value!r}. To change the value in a task, change the object itself"
            )
        if name.startswith("_") or not name.isidentifier():
            raise ValueError(f"ray.reusables has no room for the name {name!r}")
        self._publish(name, _Variable(value, time.time_ns()))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # what pickle and inspect look for
            raise AttributeError(name)
        with self._lock:
            variable = self._variables.get(name)
            if not isinstance(variable, _Variable):
                known = ", ".join(dir(self)) or "nothing"
                raise AttributeError(
                    f"ray.reusables.{name} is not defined here (defined: {known}); write "
                    f"ray.reusables.{name} = ray.Reusable(initializer) in the driver, before the "
                    "first call of the function"
                )
            backend = session.current
            return variable.value_for(tuple(backend.stack()) if backend is not None else ())

    def __delattr__(self, name: str) -> None:
        if not isinstance(self._variables.get(name), _Variable):
            raise AttributeError(f"ray.reusables.{name} is not defined")
        self._publish(name, time.time_ns())

    def __dir__(self) -> list[str]:
        return sorted(k for k, v in self._variables.items() if isinstance(v, _Variable))

    def __repr__(self) -> str:
        return f"<ray.reusables: {', '.join(dir(self)) or 'none'}>"

    def __reduce__(self) -> tuple[Any, ...]:
        # The state apart: a definition's function may refer to this object again.
        return _of_this_process, (), self._definitions()

    def __setstate__(self, definitions: dict[str, tuple[int, Reusable | None]]) -> None:
        self._take(definitions)

    def _definitions(self) -> dict[str, tuple[int, Reusable | None]]:
        """Return (time of making, definition) by name; ``None`` for one that was deleted."""
        with self._lock:
            return {
                name: (variable.made_ns, variable.definition)
                if isinstance(variable, _Variable)
                else (variable, None)
                for name, variable in self._variables.items()
            }

    def _publish(self, name: str, variable: _Variable | int) -> None:
        with self._lock:
            former = self._variables.get(name)
            self._variables[name] = variable
            try:
                if session.current is not None:
                    session.current.accompany(self)
                else:
                    serialize(self)
            except BaseException:
                if former is None:
                    del self._variables[name]
                else:
                    self._variables[name] = former
                raise
        if self._accompany not in session.on_attach:
            session.on_attach.append(self._accompany)
        session.new_generation()  # functions are registered again, with the new companion

    def _accompany(self, backend: Backend) -> None:
        """A session begins: values of an earlier one are gone, the definitions go with it."""
        with self._lock:
            live = self._forget_deleted()
        if live:
            backend.accompany(self)

    def _forget_deleted(self) -> dict[str, _Variable | int]:
        """Return the variables there are, without values; the caller has the lock."""
        live: dict[str, _Variable | int] = {}
        for name, variable in self._variables.items():
            if isinstance(variable, _Variable):
                variable.slots.clear()
                live[name] = variable
        vars(self)["_variables"] = live
        return live

    def _take(self, definitions: dict[str, tuple[int, Reusable | None]]) -> None:
        """Take over definitions that are newer than those known."""
        with self._lock:
            for name, (made_ns, definition) in definitions.items():
                self._take_one(name, made_ns, definition)

    def _take_one(self, name: str, made_ns: int, definition: Reusable | None) -> None:
        known = self._variables.get(name, 0)
        if made_ns > (known.made_ns if isinstance(known, _Variable) else known):
            self._variables[name] = (
                made_ns if definition is None else _Variable(definition, made_ns)
            )


def _of_this_process() -> Reusables:
    """Unpickle: there is one set of variables in a process, which takes over what arrives."""
    return reusables


reusables = Reusables()
