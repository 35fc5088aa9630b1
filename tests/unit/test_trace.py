"""The timeline: bars, lanes, marks and arrows from records."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ray_jupyter.testing.suite.state import check_trace
from ray_jupyter.trace import trace_events

DRIVER = 7


def record(
    task_id: int, start_ns: int, end_ns: int, *, parent: int = 0, worker: int = 41,
    submit_ns: int = 1000, submitter: int = DRIVER, name: str = "f", status: str = "FINISHED",
) -> tuple[Any, ...]:  # fmt: skip
    return (task_id, parent, name, status, worker, submit_ns, start_ns, end_ns, 0, 1, (), submitter)


def trace(*records: tuple[Any, ...]) -> list[dict[str, Any]]:
    found = trace_events({"records": list(records), "drivers": [DRIVER]})
    check_trace(found)
    return found


def of_phase(found: list[dict[str, Any]], phase: str) -> list[dict[str, Any]]:
    return [event for event in found if event["ph"] == phase]


def test_a_bar_says_what_ran_where_and_how_it_ended() -> None:
    [bar] = [e for e in trace(record(16, 3_000, 9_000, status="FAILED")) if e.get("cat") == "task"]
    assert (bar["name"], bar["ts"], bar["dur"], bar["tid"]) == ("f", 3.0, 6.0, 41)
    assert bar["args"] == {
        "task_id": "10", "parent_id": "0", "status": "FAILED", "attempt": 0, "waited_us": 2.0,
    }  # fmt: skip


def test_lanes_are_named_drivers_first() -> None:
    found = trace(record(16, 3_000, 9_000, worker=43), record(17, 3_000, 9_000, worker=42))
    names = [e["args"]["name"] for e in found if e["name"] == "thread_name"]
    assert names == ["driver 7", "worker 42", "worker 43"]


def test_what_a_driver_submits_at_once_is_one_mark_with_many_arrows() -> None:
    found = trace(
        record(16, 3_000, 4_000), record(17, 4_000, 5_000), record(18, 5_000, 6_000, name="g"),
        record(19, 6_000, 7_000, submit_ns=1500),
    )  # fmt: skip
    marks = [e for e in found if e.get("cat") == "submit" and e["ph"] == "X"]
    assert [(m["name"], m["ts"], m["dur"]) for m in marks] == [
        ("submit 2 f, 1 g", 1.0, 0.5), ("submit 1 f", 1.5, 1.0),
    ]  # fmt: skip
    assert [e["tid"] for e in of_phase(found, "s")] == [DRIVER] * 4
    assert [e["ts"] for e in of_phase(found, "f")] == [3.0, 4.0, 5.0, 6.0]


def test_a_child_elsewhere_gets_an_arrow_from_its_parents_bar() -> None:
    late = record(17, 12_000, 13_000, parent=16, worker=42, submit_ns=11_000)  # heard of late
    found = trace(record(16, 3_000, 9_000), late)
    [begin] = [e for e in of_phase(found, "s") if e["id"] == "11"]
    assert (begin["tid"], begin["ts"]) == (41, 9.0)


def test_a_child_in_place_lies_in_its_parents_bar_without_an_arrow() -> None:
    found = trace(record(16, 3_000, 9_000), record(17, 4_000, 8_000, parent=16, submit_ns=4_000))
    assert [e["id"] for e in of_phase(found, "s")] == ["10"]


def test_a_child_after_its_parent_on_the_same_worker_gets_one() -> None:
    found = trace(record(16, 3_000, 9_000), record(17, 9_500, 9_800, parent=16, submit_ns=8_000))
    assert [e["id"] for e in of_phase(found, "f")] == ["10", "11"] or len(of_phase(found, "f")) == 2


@pytest.mark.parametrize(
    "child",
    [
        record(17, 0, 9_000, parent=16, worker=42),  # never ran
        record(17, 4_000, 5_000, parent=99, worker=42, submitter=43),  # its parent still runs
        record(17, 1_500, 2_000, parent=16, worker=42),  # of an attempt that is not drawn
    ],
)
def test_no_arrow_without_both_ends(child: tuple[Any, ...]) -> None:
    found = trace(record(16, 3_000, 9_000), child)
    assert [e["id"] for e in of_phase(found, "s")] == ["10"]


def test_calls_that_overlap_in_one_process_get_lanes_of_their_own() -> None:
    found = trace(
        record(16, 1_000, 5_000), record(17, 2_000, 6_000), record(18, 3_000, 4_000),
        record(19, 6_000, 7_000),
    )  # fmt: skip
    names = [e["args"]["name"] for e in found if e["name"] == "thread_name"]
    assert names == ["driver 7", "worker 41", "worker 41 (2)"]


def test_what_runs_where_it_is_submitted_needs_no_mark() -> None:
    found = trace(record(16, 3_000, 9_000, worker=DRIVER))
    assert [e["name"] for e in found if e["ph"] != "M"] == ["f"]


times = st.integers(1, 60)


@given(
    st.lists(
        st.tuples(times, st.integers(0, 30), times, st.integers(0, 12), st.integers(41, 43)),
        max_size=12,
    )
)
def test_any_records_make_a_sound_trace(
    drawn: list[tuple[int, int, int, int, int]],
) -> None:
    trace(*(
        record(
            number, start * 100, (start + length) * 100, parent=parent, worker=worker,
            submit_ns=min(start, submit) * 100, submitter=worker if parent else DRIVER,
        )
        for number, (start, length, submit, parent, worker) in enumerate(drawn, 1)
    ))  # fmt: skip
