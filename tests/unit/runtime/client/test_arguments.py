"""Arguments on their way into a spec: what is a slot, what is stored, what is refused."""

from __future__ import annotations

import gc
import pickle
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from ray_jupyter.errors import LargeArgumentWarning, SerializationError, StaleRefError
from ray_jupyter.runtime.client.arguments import (
    ALL_IN_STORE,
    NO_ARGUMENTS,
    NOTICE_BYTES,
    Arguments,
    parameter_name,
)
from ray_jupyter.runtime.client.interrupts import InterruptShield
from ray_jupyter.runtime.protocol.ids import Reference
from ray_jupyter.runtime.protocol.specs import TaskTemplate
from ray_jupyter.runtime.store.serialization import Serialized, deserialize, note_reference

INLINE_BYTES = 1000


class Ref(Reference):
    def __init__(self, id: int, session_id: str = "here") -> None:
        self.id, self.session_id = id, session_id

    def __reduce__(self) -> tuple[Any, ...]:
        assert note_reference(self)
        return Ref, (self.id,)


class Store:
    """What ``Arguments`` needs of a client."""

    def __init__(self) -> None:
        self.values: dict[int, bytes] = {}
        self.dropped: list[int] = []
        self.arguments = Arguments(
            "here", self.store, self.dropped.append, InterruptShield(), self.same, INLINE_BYTES
        )

    def store(self, value: Serialized) -> int:
        object_id = 100 + len(self.values)
        self.values[object_id] = value.to_bytes()
        return object_id

    def same(self, object_id: int, value: Serialized) -> bool:
        return self.values[object_id] == value.to_bytes()

    def pack(self, *args: Any, **kwargs: Any) -> Any:
        return self.arguments.pack(TEMPLATE, args, kwargs)


def work(data: Any = None, other: Any = None, *rest: Any, key: Any = None) -> None:
    """Stand for the remote function."""


TEMPLATE = TaskTemplate(work, name="work")


@pytest.fixture
def store() -> Iterator[Store]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield Store()


def test_no_arguments_have_no_payload() -> None:
    assert NO_ARGUMENTS == (b"", (), ())


def test_scalars_travel_as_one_plain_pickle(store: Store) -> None:
    (payload, deps, held), stored = store.pack(1, "a", None, 2.5)
    assert pickle.loads(payload) == ((1, "a", None, 2.5), {})
    assert (deps, held, stored) == ((), (), [])


def test_values_and_keywords(store: Store) -> None:
    (payload, deps, held), stored = store.pack([1], {"a": {2}}, key=b"x")
    assert deserialize(payload) == (([1], {"a": {2}}), {"key": b"x"})
    assert (deps, held, stored) == ((), (), [])


def test_references_are_dependencies_with_slots(store: Store) -> None:
    (payload, deps, held), stored = store.pack(Ref(5), 1, Ref(6), key=Ref(5))
    assert deserialize(payload) == ((None, 1, None), {"key": None}, (0, 2, "key"))
    assert (deps, held, stored) == ((5, 6, 5), (), [])


def test_references_inside_are_held(store: Store) -> None:
    (_, deps, held), _ = store.pack([Ref(5), {"a": Ref(6)}], Ref(7))
    assert (deps, held) == ((7,), (5, 6))


def test_the_callers_own_arguments_are_not_changed(store: Store) -> None:
    ref, box = Ref(5), [1]
    kwargs = {"key": ref}
    store.arguments.pack(TEMPLATE, (ref, box), kwargs)
    assert kwargs == {"key": ref}
    assert box == [1]


def test_a_reference_of_another_session_is_refused(store: Store) -> None:
    with pytest.raises(StaleRefError, match="has ended"):
        store.pack(Ref(5, "gone"))
    with pytest.raises(StaleRefError, match="has ended"):
        store.pack(key=Ref(5, "gone"))


def test_what_cannot_be_pickled_is_named(store: Store) -> None:
    with pytest.raises(SerializationError, match=r"argument 'other' of work \(lock\)"):
        store.pack(1, threading.Lock())
    with pytest.raises(SerializationError, match=r"argument 'key' of work \(generator\)"):
        store.pack(1, key=(i for i in ()))
    with pytest.raises(SerializationError, match=r"argument 'data' of work \(list\)"):
        store.pack([[threading.Lock()]])


def test_a_large_argument_becomes_a_dependency(store: Store) -> None:
    array = np.arange(1000)
    (payload, deps, _), stored = store.pack(1, array, key=2)
    assert deserialize(payload) == ((1, None), {"key": 2}, (1,))
    assert deps == (100,)
    np.testing.assert_array_equal(deserialize(store.values[100]), array)
    assert stored == [], "the copy is kept for the next call"


@pytest.mark.parametrize("value", ["x" * 5000, b"x" * 5000, list(range(5000))], ids=type)
def test_what_cannot_be_recognised_again_is_dropped_after_the_call(
    store: Store, value: Any
) -> None:
    (payload, deps, _), stored = store.pack(value)
    assert deserialize(payload) == ((None,), {}, (0,))
    assert list(deps) == stored == [100]


def test_one_object_is_stored_once(store: Store) -> None:
    array = np.arange(1000)
    packs = [store.pack(array), store.pack(1, array), store.pack(key=array)]
    assert [deps for (_, deps, _), _ in packs] == [(100,)] * 3
    assert len(store.values) == 1


def test_one_object_twice_in_one_call(store: Store) -> None:
    array = np.arange(1000)
    (_, deps, _), _ = store.pack(array, array)
    assert deps == (100, 100)


def test_a_change_between_calls_is_seen(store: Store) -> None:
    array = np.arange(1000)
    store.pack(array)
    array[500] = -1
    (_, deps, _), _ = store.pack(array)
    assert deps == (101,)
    assert deserialize(store.values[101])[500] == -1
    assert store.dropped == [100]


def test_equal_objects_are_not_the_same_object(store: Store) -> None:
    one, two = np.arange(1000), np.arange(1000)
    assert store.pack(one)[0][1] != store.pack(two)[0][1]


def test_a_copy_goes_with_its_original(store: Store) -> None:
    array = np.arange(1000)
    store.pack(array)
    store.arguments.forget_unused()
    assert store.dropped == []
    del array
    gc.collect()
    store.arguments.forget_unused()
    assert store.dropped == [100]


def test_copies_go_when_memory_is_short_and_when_unused(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = np.arange(1000)
    store.pack(array)
    store.arguments.forget_unused(everything=True)
    assert store.dropped == [100]
    store.pack(array)
    later_s = __import__("time").monotonic() + 1000
    monkeypatch.setattr("ray_jupyter.runtime.client.arguments.time.monotonic", lambda: later_s)
    store.arguments.forget_unused()
    assert store.dropped == [100, 101]


def test_only_some_copies_are_remembered(store: Store) -> None:
    arrays = [np.full(1000, i) for i in range(40)]
    for array in arrays:
        store.pack(array)
    assert store.dropped == list(range(100, 100 + len(store.dropped)))
    assert 0 < len(store.dropped) < 40
    assert store.pack(arrays[-1])[0][1] == (139,)


def test_many_middling_arguments_go_together(store: Store) -> None:
    values = [np.full(100, i, np.uint8) for i in range(50)]
    (payload, deps, held), stored = store.pack(*values, Ref(5), [Ref(6)])
    assert payload == ALL_IN_STORE
    assert deps == (100, 5)
    assert held == (6,)
    assert stored == [100]
    args, kwargs, slots = deserialize(store.values[100])
    np.testing.assert_array_equal(args[49], values[49])
    assert (args[50], kwargs, slots) == (None, {}, (50,))


class TestWarning:
    big = np.zeros(NOTICE_BYTES, np.uint8)

    def test_it_names_function_parameter_and_size(self, store: Store) -> None:
        with pytest.warns(LargeArgumentWarning, match=r"work\.remote\(\): argument 'other' "):
            store.pack(1, self.big)
        with pytest.warns(LargeArgumentWarning, match=r"'key' \(ndarray, 10 MB\) .*ray\.put"):
            store.pack(key=self.big)
        with pytest.warns(LargeArgumentWarning, match="'rest'"):
            store.pack(1, 2, 3, self.big)

    def test_it_comes_once_per_parameter(self, store: Store) -> None:
        with pytest.warns(LargeArgumentWarning):
            store.pack(self.big)
        store.pack(self.big)
        store.pack(self.big.copy())

    def test_smaller_values_are_silent(self, store: Store) -> None:
        store.pack(np.zeros(NOTICE_BYTES // 2, np.uint8))


def test_names_of_parameters() -> None:
    def variadic(*values: Any) -> None: ...

    assert parameter_name(TEMPLATE, 0) == "data"
    assert parameter_name(TEMPLATE, "key") == "key"
    assert parameter_name(TaskTemplate(variadic, name="v"), 3) == "values"
    assert parameter_name(TaskTemplate(lambda: None, name="n"), 0) == "#0"
    assert parameter_name(TaskTemplate(None, name="m", method="m"), 1) == "#1"
