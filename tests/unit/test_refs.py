"""References alone, against a backend that only counts."""

from __future__ import annotations

import copy
import gc
import pickle

import pytest

from ray_jupyter import session
from ray_jupyter.errors import StaleRefError
from ray_jupyter.refs import ObjectRef, new_refs


class Counts:
    """Stands in for a backend: counts references and nothing else."""

    name = "counts"
    session_id = "ab"

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}

    def result_ids(self, task_id: int, num_returns: int) -> range:
        return range(task_id, task_id + num_returns)

    def hold(self, object_id: int) -> None:
        self.counts[object_id] = self.counts.get(object_id, 0) + 1

    def drop(self, object_id: int) -> None:
        self.counts[object_id] -= 1

    def ref(self, object_id: int) -> ObjectRef[object]:
        self.hold(object_id)
        return ObjectRef(object_id, self.session_id, self.drop)


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Counts:
    counts = Counts()
    monkeypatch.setattr(session, "current", counts)
    return counts


def test_death_is_told_once(backend: Counts) -> None:
    ref = backend.ref(7)
    assert backend.counts == {7: 1}
    del ref
    assert backend.counts == {7: 0}


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_copies_are_counted(backend: Counts, copied: object) -> None:
    ref = backend.ref(7)
    twin = copied(ref)  # type: ignore[operator]
    assert twin == ref
    assert twin is not ref
    assert backend.counts == {7: 2}
    del ref, twin
    assert backend.counts == {7: 0}


def test_plain_pickle_pins_and_every_load_counts(backend: Counts) -> None:
    data = pickle.dumps(backend.ref(7))
    assert backend.counts == {7: 1}
    refs = [pickle.loads(data) for _ in range(3)]
    assert backend.counts == {7: 4}
    del refs
    gc.collect()
    assert backend.counts == {7: 1}


def test_task_id_survives_pickling(backend: Counts) -> None:
    for object_id in (16, 17):
        backend.hold(object_id)
    first, second = new_refs(backend, 16, 2)  # type: ignore[arg-type]
    assert first.task_id() == second.task_id() == "ab" + f"{16:016x}"
    assert pickle.loads(pickle.dumps(second)).task_id() == first.task_id()
    assert second.hex() == "ab" + f"{17:016x}"


def test_number_of_refs(backend: Counts) -> None:
    assert new_refs(backend, 1, 0) is None  # type: ignore[arg-type]
    backend.hold(2)
    assert isinstance(new_refs(backend, 2, 1), ObjectRef)  # type: ignore[arg-type]


def test_equality_is_of_id_and_session(backend: Counts) -> None:
    ref = backend.ref(7)
    other = ObjectRef(7, "cd", lambda _: None)
    assert ref != other
    assert ref != 7
    assert (ref == 7) is False
    assert len({ref, other, copy.copy(ref)}) == 2


def test_a_ref_of_another_session_loads_and_every_use_says_so(
    backend: Counts, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = pickle.dumps(backend.ref(7))
    later = Counts()
    later.session_id = "cd"
    monkeypatch.setattr(session, "current", later)
    stale = pickle.loads(data)
    assert later.counts == {}
    with pytest.raises(StaleRefError, match="session that has ended"):
        stale.future()
    with pytest.raises(StaleRefError, match="session that has ended"):
        pickle.dumps(stale)
    del stale
    assert later.counts == {}


def test_refused_construction_leaves_no_noise() -> None:
    with pytest.raises(TypeError):
        ObjectRef()  # type: ignore[call-arg]
    gc.collect()


def test_texts(backend: Counts) -> None:
    ref = backend.ref(255)
    assert repr(ref) == "ObjectRef(ab00000000000000ff)"
    with pytest.raises(TypeError, match=r"ray\.get"):
        iter(ref)
    assert ObjectRef[int] is not None
