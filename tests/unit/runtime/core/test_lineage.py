"""Which tasks run again for a lost object, in which order, and why not."""

from __future__ import annotations

from typing import Any

import pytest

from ray_jupyter.runtime.core import events as e
from ray_jupyter.runtime.core import lineage
from ray_jupyter.runtime.protocol.messages import ERROR, SPILLED, STORED


@pytest.fixture
def chain(session: Any) -> Any:
    """Tasks 10 -> 11 -> 12, with results in files; only the last is referenced."""
    template = session.define()
    session.join(1)
    session.submit(10, template=template)
    session.submit(11, template=template, deps=(10,))
    session.submit(12, template=template, deps=(11,))
    for task in (10, 11, 12):
        session.finish_large(1, task)
    session(e.Unpinned(1, [10, 11]))
    session(e.Released(0, [10, 11]))
    session.spill(12)
    return session


def error_of(session: Any, object_id: int) -> str:
    kind, name, text = session.want(object_id)[object_id]
    assert (kind, name) == ("system", "ObjectReconstructionFailedError")
    return str(text)


def test_what_was_released_runs_again_first(chain: Any) -> None:
    assert chain.sent(chain.lose_file(12)) == {1: [10]}
    for task, after in ((10, {1: [11]}), (11, {1: [12]}), (12, {})):
        told = chain(e.AllocationRequested(1, task, 4096))
        offset = told[0].offset
        assert chain.sent(chain.finish(1, task, [((STORED, offset, 4096), ())])) == after
    assert chain.want(12)[12][0] == STORED
    assert set(chain.state.objects) == {12}


def test_it_is_done_once_however_many_say_so(chain: Any) -> None:
    chain.lose_file(12)
    assert chain.lose_file(12) == []
    assert chain.state.retries == 3


def test_old_news_changes_nothing(chain: Any) -> None:
    assert chain(e.ObjectLost(0, 12, "spill/another", "gone")) == []
    assert chain.want(12)[12][0] == SPILLED
    assert chain(e.ObjectLost(0, 99, "spill/99", "gone")) == []


def test_a_task_in_a_queue_waits_again(chain: Any) -> None:
    chain.submit(20, template=chain.define(2), deps=(12,))
    chain(e.Returned(1, [20]))
    chain.lose_file(12)
    task = chain.state.tasks[20]
    assert chain.sent(chain(e.Returned(1, [20]))) == {1: [10]}
    assert (task.state, task.missing) == ("PENDING_ARGS_AVAIL", 1)


def test_a_copy_that_somebody_could_read_after_all_counts(chain: Any) -> None:
    [granted] = chain(e.AllocationRequested(0, 1, 4096))
    chain.lose_file(12)
    told = chain(e.Restored(0, 12, granted.offset, 4096))
    assert chain.delivered(told) == {12: (STORED, granted.offset, 4096)}
    for task in (10, 11):
        chain.finish_large(1, task)
    offset = chain.finish_large(1, 12)
    assert offset not in chain.state.allocator.allocated
    assert chain.want(12)[12] == (STORED, granted.offset, 4096)


def test_a_rebuilding_that_fails_says_so(chain: Any) -> None:
    chain.lose_file(12)
    chain.finish(1, 10, b"boom", status=ERROR)
    assert chain.want(12) == {12: ("failed", b"boom", 2)}
    chain(e.Released(0, [12]))
    assert not chain.state.lineage


def test_an_error_of_a_rebuilding_does_not_count_when_it_is_built_again(session: Any) -> None:
    template = session.define()
    session.join(1)
    session.submit(10, template=template)
    session.submit(11, template=template, deps=(10,))
    for task in (10, 11):
        session.finish_large(1, task)
    session(e.Unpinned(1, [10]))
    session.spill(10, 11)
    session.lose_file(10)
    session.finish(1, 10, b"no room", status=ERROR)
    assert session.sent(session.lose_file(11)) == {1: [10]}
    for task in (10, 11):  # every event is followed by all invariants
        session.finish_large(1, task)
    assert session.want(10, 11).keys() == {10, 11}
    assert not session.state.remains


def test_attempts_are_counted(chain: Any) -> None:
    for _ in range(3):
        chain.lose_file(12)
        for task in (10, 11, 12):
            chain.finish_large(1, task)
        chain(e.Unpinned(1, [10, 11]))
        chain.spill(12)
    chain.lose_file(12)
    assert "(c) is not run again: it has been repeated 3 times" in error_of(chain, 12)


def test_put_has_no_task(session: Any) -> None:
    session.store(30)
    session.spill(30)
    session.lose_file(30)
    text = "object 1e is lost (gone), and cannot be rebuilt: there is no task"
    assert error_of(session, 30).startswith(text)


def test_an_input_without_a_task_is_needed(session: Any) -> None:
    session.join(1)
    session.store(30)
    session.submit(10, template=session.define(), deps=(30,))
    session.finish_large(1, 10)
    session(e.Unpinned(1, [30]))
    session(e.Released(0, [30]))
    session.spill(10)
    session.lose_file(10)
    assert "needs object 1e, which was released" in error_of(session, 10)


def test_small_inputs_are_kept(session: Any) -> None:
    session.join(1)
    session(e.Put(0, [(30, b"small", ())]))
    session.submit(10, template=session.define(), deps=(30,))
    session.finish_large(1, 10)
    session(e.Released(0, [30]))
    assert 30 not in session.state.objects
    session.spill(10)
    session.lose_file(10)
    assert session.state.objects[30].value == b"small"
    session.finish_large(1, 10)
    assert 30 not in session.state.objects


@pytest.fixture
def boxed(session: Any) -> Any:
    """Task 12 made a file from 11, a small value with a reference to 10; 10 and 11 were released."""
    template = session.define()
    session.join(1)
    session.submit(10, template=template)
    session.finish_large(1, 10)
    session(e.Put(0, [(11, b"box of 10", (10,))]))
    session.submit(12, template=template, deps=(11,))
    session.finish_large(1, 12)
    session(e.Released(0, [10, 11]))
    assert set(session.state.objects) == {12}
    session.spill(12)
    return session


def test_what_is_inside_small_inputs_is_made_again(boxed: Any) -> None:
    told = boxed.lose_file(12)
    assert boxed.sent(told) == {1: [10, 12]}
    assert boxed.state.objects[11].contained == (10,)
    boxed.finish_large(1, 10)
    assert boxed.want(10)[10][0] == STORED
    boxed.finish_large(1, 12)
    assert set(boxed.state.objects) == {12}
    boxed(e.Released(0, [12]))
    assert not boxed.state.lineage


def test_what_is_inside_and_still_there_is_used(session: Any) -> None:
    session.join(1)
    session(e.Put(0, [(10, b"inside", ())]))
    session(e.Put(0, [(11, b"box of 10", (10,))]))
    session.submit(12, template=session.define(), deps=(11,))
    session.finish_large(1, 12)
    session(e.Released(0, [11]))
    session.spill(12)
    session.lose_file(12)
    assert session.state.objects[10].holders == 2
    session.finish_large(1, 12)
    assert session.state.objects[10].holders == 1


def test_what_is_inside_and_an_error_is_needed(session: Any) -> None:
    template = session.define()
    session.join(1)
    session.submit(10, template=template)
    session.finish(1, 10, b"boom", status=ERROR)
    session(e.Put(0, [(11, b"box of 10", (10,))]))
    session.submit(12, template=template, deps=(11,))
    session.finish_large(1, 12)
    session.spill(12)
    session.lose_file(12)
    assert "needs object a, which is an error and has no task" in error_of(session, 12)


def test_what_is_inside_and_cannot_be_made_again_is_needed(session: Any) -> None:
    session.join(1)
    session.submit(10, template=session.define(retries=0))
    session(e.Put(0, [(11, b"box of 10", (10,))]))
    session.finish_large(1, 10)
    session.submit(12, template=session.define(), deps=(11,))
    session.finish_large(1, 12)
    session.spill(10, 12)
    session.lose_file(10)
    assert "(a) is not run again: it may run only once" in error_of(session, 10)
    session.lose_file(12)
    assert "(a) is not run again: it may run only once" in error_of(session, 12)
    assert not session.state.tasks


def test_what_is_deep_inside_is_not_searched_for(
    session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lineage, "INSIDE_LIMIT", 1)
    session.join(1)
    session(e.Put(0, [(10, b"inside", ())]))
    session(e.Put(0, [(11, b"box of 10", (10,))]))
    session(e.Put(0, [(12, b"box of 11", (11,))]))
    session.submit(13, template=session.define(), deps=(12,))
    session.finish_large(1, 13)
    session(e.Released(0, [10, 11, 12]))
    session.spill(13)
    session.lose_file(13)
    assert "needs object b, which was released" in error_of(session, 13)


@pytest.mark.parametrize(("kind", "text"), [("task", "max_retries=0"), ("method", "of actors")])
def test_what_runs_once_is_not_repeated(session: Any, kind: str, text: str) -> None:
    session.join(1)
    session.submit(5, template=session.define(kind="actor"))
    session.finish(1, 5)
    session.join(2)
    held = (5,) if kind == "method" else ()
    session.submit(10, template=session.define(kind == "task", kind=kind, retries=0), held=held)
    session.finish_large(2 if kind == "task" else 1, 10)
    session.spill(10)
    session.lose_file(10)
    assert text in error_of(session, 10)


def test_what_yields_is_not_repeated(session: Any) -> None:
    session.join(1)
    session.submit(10, template=session.define(yields=1))
    session(e.Yielded(1, 10, 0, [(20, b"item", ())]))
    session.finish_large(1, 10)
    session.spill(10)
    session.lose_file(10)
    assert "gone to its reader" in error_of(session, 10)


def test_an_item_has_no_task(session: Any) -> None:
    session.join(1)
    session.submit(10, template=session.define(yields=0))
    [granted] = session(e.AllocationRequested(1, 1, 4096))
    session(e.Yielded(1, 10, 0, [(20, (STORED, granted.offset, 4096), ())]))
    session.spill(20)
    session.lose_file(20)
    assert "yield have none" in error_of(session, 20)


def test_the_oldest_is_forgotten_first(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lineage, "LIMIT_BYTES", 2 * lineage.RECORD_BYTES)
    session.join(1)
    session.submit(10, 11, 12, template=session.define())
    for task in (10, 11, 12):
        session.finish_large(1, task)
    assert list(session.state.lineage) == [11, 12]
    session.spill(10)
    session.lose_file(10)
    assert "would be remembered" in error_of(session, 10)


def test_a_long_chain_is_forgotten_without_recursion(session: Any) -> None:
    session.join(1)
    template = session.define()
    session.submit(10, template=template)
    session.finish_large(1, 10)
    for task in range(11, 1500):
        session.core.handle(e.Submitted(0, [(task, template, b"", (task - 1,), (), 0)]), 2)
        [granted] = session.core.handle(e.AllocationRequested(1, task, 1), 2)
        result = (task, 0, [((STORED, granted.offset, 1), ())], 0, 1, 1)
        session.core.handle(e.Finished(1, [result]), 2)
        session.core.handle(e.Unpinned(1, [task - 1]), 2)
        session.core.handle(e.Released(0, [task - 1]), 2)
    assert len(session.state.lineage) == 1490
    session(e.Released(0, [1499]))
    assert not session.state.lineage
    assert session.state.lineage_bytes == 0
