"""Everything that can hold an object holds it, and lets go: nothing is left in the end."""

from __future__ import annotations

import functools
import gc
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ray_jupyter as ray
from ray_jupyter.testing.suite.base import echo, eventually, statistics, wait_for_file

SIZE = 1_000_000
SIZE_BYTES = 8 * SIZE
ARGUMENTS: dict[str, Any] = {"num_cpus": 2, "object_store_memory": "1GB"}


@pytest.fixture(scope="module", autouse=True)
def running_session() -> Iterator[None]:
    ray.init(**ARGUMENTS)
    yield
    ray.shutdown()


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    yield
    try:
        eventually(lambda: (*stored(), statistics()["inline_bytes"]) == (0, 0, 0), 10)
    except AssertionError:
        ray.shutdown()  # so that the next test begins with nothing
        ray.init(**ARGUMENTS)
        raise


def stored() -> tuple[int, int]:
    """Return (objects, bytes) in the store."""
    gc.collect()
    found = statistics()
    return found["objects"], found["store_used_bytes"]


def array_put() -> Any:
    return ray.put(np.ones(SIZE))


@ray.remote
def first_of(box: Any) -> float:
    """Return the first element of the array whose reference is in ``box``, at any depth."""
    while not isinstance(box, ray.ObjectRef):
        box = next(iter(box.values())) if isinstance(box, dict) else box[0]
    got = ray.get(box)
    return float(got[0]) if isinstance(got, np.ndarray) else first_of._function(got)


def total(array: Any) -> float:
    return float(array.sum())


def test_the_driver_counts_every_reference() -> None:
    ref = array_put()
    others = [ref, *(ray.get(ray.put([ref])) for _ in range(3))]
    flat = [one[0] if isinstance(one, list) else one for one in others]
    assert set(flat) == {ref}
    assert stored()[0] == 1
    del ref, others
    assert stored() == (1, stored()[1])
    assert stored()[1] >= SIZE_BYTES
    del flat
    eventually(lambda: stored() == (0, 0), 10)


def test_a_reference_nested_thirty_deep() -> None:
    inner: Any = array_put()
    for _ in range(30):
        inner = ray.put({"in": [inner]})
    assert stored()[0] == 31
    for _ in range(30):
        inner = ray.get(inner)["in"][0]
    eventually(lambda: stored()[0] == 1)
    assert ray.get(inner).sum() == SIZE


def test_dropping_the_outermost_frees_all_that_is_inside() -> None:
    inner: Any = array_put()
    for _ in range(200):
        inner = ray.put([inner])
    assert stored()[0] == 201
    del inner
    eventually(lambda: stored() == (0, 0), 10)


def test_references_in_results() -> None:
    @ray.remote
    def make() -> Any:
        return {"one": array_put(), "more": [ray.put([array_put()])]}

    ref = make.remote()
    value = ray.get(ref)
    assert ray.get(value["one"]).sum() == SIZE
    del ref
    gc.collect()
    (inner,) = ray.get(value["more"][0])
    del value
    eventually(lambda: stored()[0] == 1)
    assert ray.get(inner).sum() == SIZE


def test_a_result_nobody_looks_at_goes_with_what_is_inside() -> None:
    @ray.remote
    def make() -> Any:
        return [array_put() for _ in range(3)]

    ray.wait([make.remote()])
    eventually(lambda: stored() == (0, 0), 10)


@pytest.mark.parametrize("num_returns", [2, 3])
def test_results_are_held_one_by_one(num_returns: int) -> None:
    @ray.remote(num_returns=num_returns)
    def make() -> Any:
        return [np.full(SIZE, i) for i in range(num_returns)]

    first, *others = make.remote()
    ray.wait([first])
    assert stored()[0] == num_returns
    del others
    eventually(lambda: stored()[0] == 1)
    assert ray.get(first)[-1] == 0


def test_queued_arguments(tmp_path: Path) -> None:
    gate = wait_for_file.remote(tmp_path / "go", 0.0)
    ref = array_put()
    waiting = [
        ray.remote(lambda _, array: total(array)).remote(gate, ref),
        ray.remote(lambda _, *, array: total(array)).remote(gate, array=ref),
        ray.remote(lambda _, box: total(ray.get(box["a"][0]))).remote(gate, {"a": [ref]}),
    ]
    del gate, ref
    assert stored()[1] >= SIZE_BYTES
    (tmp_path / "go").touch()
    assert ray.get(waiting) == [SIZE] * 3


@pytest.mark.parametrize("depth", [1, 5])
def test_a_reference_deep_inside_an_argument(depth: int) -> None:
    box: Any = array_put()
    for _ in range(depth):
        box = {"in": [box]}
    result = first_of.remote(box)
    del box
    assert ray.get(result) == 1.0


def make_closure(ref: Any) -> Any:
    return ray.remote(lambda: total(ray.get(ref)))


def make_closure_with_argument(ref: Any) -> Any:
    return ray.remote(lambda _: total(ray.get(ref)))


def make_default(ref: Any) -> Any:
    def function(ref: Any = ref) -> float:
        return total(ray.get(ref))

    return ray.remote(function)


def make_keyword_default(ref: Any) -> Any:
    def function(*, ref: Any = ref) -> float:
        return total(ray.get(ref))

    return ray.remote(function)


def make_global(ref: Any) -> Any:
    names = {"ref": ref, "ray": ray, "__name__": "__main__"}
    exec("def function(): return float(ray.get(ref).sum())", names)
    return ray.remote(names["function"])


def make_partial(ref: Any) -> Any:
    return ray.remote(functools.partial(lambda box: total(ray.get(box[0])), [ref]))


MAKERS = [make_closure, make_default, make_keyword_default, make_global, make_partial]


@pytest.mark.parametrize("make", MAKERS)
def test_references_in_functions(make: Callable[[Any], Any]) -> None:
    ref = array_put()
    function = make(ref)
    result = function.remote()
    del ref
    assert ray.get(result) == SIZE
    assert stored()[1] >= SIZE_BYTES
    assert ray.get([function.remote() for _ in range(20)]) == [SIZE] * 20
    del function, result
    eventually(lambda: stored() == (0, 0), 10)


def test_a_large_function_is_an_object_until_it_goes() -> None:
    array = np.ones(SIZE)
    function = ray.remote(lambda: total(array))
    assert ray.get([function.remote() for _ in range(10)]) == [SIZE] * 10
    assert SIZE_BYTES <= stored()[1] < SIZE_BYTES + 20_000
    del function
    eventually(lambda: stored() == (0, 0), 10)


def test_functions_made_in_tasks_go_too() -> None:
    @ray.remote
    def outer(box: Any) -> float:
        inner = make_closure(box[0])
        return sum(ray.get([inner.remote() for _ in range(5)]))

    assert ray.get(outer.remote([array_put()])) == 5 * SIZE
    eventually(lambda: stored() == (0, 0), 10)


def test_a_queued_task_holds_its_function(tmp_path: Path) -> None:
    gate = wait_for_file.remote(tmp_path / "go")
    ref = array_put()
    result = make_closure_with_argument(ref).remote(gate)
    del gate, ref
    assert stored()[1] >= SIZE_BYTES
    (tmp_path / "go").touch()
    assert ray.get(result) == SIZE


@ray.remote
class Keeper:
    """An actor that keeps what it is given."""

    def __init__(self, box: Any = None) -> None:
        self.box = box

    def keep(self, box: Any) -> None:
        self.box = box

    def total(self) -> float:
        return total(ray.get(self.box[0]))


@pytest.mark.parametrize("ending", ["forget", "kill", "drop", "exit"])
def test_actor_state(ending: str) -> None:
    ref = array_put()
    actor = Keeper.remote([ref])
    del ref
    assert ray.get([actor.total.remote() for _ in range(3)]) == [SIZE] * 3
    assert stored()[1] >= SIZE_BYTES
    if ending == "forget":
        ray.get(actor.keep.remote(None))
        eventually(lambda: stored()[1] == 0)
    elif ending == "kill":
        ray.kill(actor)
    elif ending == "exit":
        with pytest.raises(ray.ActorDiedError):
            ray.get(actor.keep.remote(_Exits()))
    del actor


class _Exits:
    def __reduce__(self) -> tuple[Any, ...]:
        import os

        return os._exit, (3,)


def test_an_actor_keeps_the_array_itself() -> None:
    actor = Keeper.remote()
    ref = array_put()
    ray.get(actor.keep.remote(ref))
    del ref
    eventually(lambda: stored()[0] == 1)  # the actor itself
    assert stored()[1] >= SIZE_BYTES, "its memory is still looked at"
    ray.get(actor.keep.remote(None))
    eventually(lambda: stored()[1] == 0)


def test_references_in_a_workers_globals_survive_the_task() -> None:
    @ray.remote
    def keep(box: Any) -> None:
        sys.kept_by_a_test = box  # type: ignore[attr-defined]

    @ray.remote
    def look() -> float | None:
        kept = getattr(sys, "kept_by_a_test", None)
        return None if kept is None else total(ray.get(kept[0]))

    @ray.remote
    def forget() -> None:
        sys.__dict__.pop("kept_by_a_test", None)

    ray.get(keep.remote([array_put()]))
    assert stored()[1] >= SIZE_BYTES
    eventually(lambda: ray.get(look.remote()) == SIZE)

    def forgotten() -> bool:
        ray.get([forget.remote() for _ in range(4)])
        return stored() == (0, 0)

    eventually(forgotten)


def test_what_a_dead_worker_held_is_let_go() -> None:
    @ray.remote(max_retries=0)
    def die(box: Any) -> None:
        import os
        import signal

        sys.kept_by_a_test = [box, ray.get(box[0]), array_put()]  # type: ignore[attr-defined]
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(ray.WorkerCrashedError):
        ray.get(die.remote([array_put()]))
    eventually(lambda: stored() == (0, 0), 10)


def test_a_failed_task_lets_go_of_all() -> None:
    @ray.remote
    def fail(array: Any, box: Any) -> None:
        mine = [array_put(), ray.get(box[0]), echo.remote(array)]
        raise ValueError(len(mine))

    with pytest.raises(ValueError):
        ray.get(fail.remote(array_put(), [array_put()]))
    eventually(lambda: stored() == (0, 0), 10)


def test_a_cancelled_task_lets_go_of_its_arguments(tmp_path: Path) -> None:
    gate = wait_for_file.remote(tmp_path / "go")
    queued = ray.remote(lambda *_: None).remote(gate, array_put(), [array_put()])
    ray.cancel(queued)
    with pytest.raises(ray.TaskCancelledError):
        ray.get(queued)
    eventually(lambda: stored()[1] == 0)
    (tmp_path / "go").touch()
    ray.get(gate)


def test_futures_hold_until_they_are_settled() -> None:
    future = echo.remote(array_put()).future()
    assert future.result(timeout=20).sum() == SIZE
    del future
    eventually(lambda: stored() == (0, 0), 10)


def test_references_in_a_cycle_of_values() -> None:
    holder = types.SimpleNamespace(ref=array_put())
    holder.me = holder
    assert stored()[1] >= SIZE_BYTES
    del holder
    eventually(lambda: stored() == (0, 0), 10)


def test_a_burst_of_everything_leaves_nothing() -> None:
    @ray.remote
    def tree(depth: int, box: Any) -> Any:
        if not depth:
            return [box[0], ray.put(np.ones(50_000))]
        return [tree.remote(depth - 1, box) for _ in range(2)]

    def leaves(ref: Any) -> Iterator[Any]:
        value = ray.get(ref)
        if isinstance(value, np.ndarray):
            yield value
        else:
            for inner in value:
                yield from leaves(inner)

    found = [array.size for array in leaves(tree.remote(4, [array_put()]))]
    assert sorted(found) == [50_000] * 16 + [SIZE] * 16
