"""What is told of objects: the largest, and a single one."""

from __future__ import annotations

from typing import Any

from ray_jupyter.runtime.core import events as e
from ray_jupyter.runtime.core.queries import ANSWERS
from ray_jupyter.runtime.protocol import messages as m
from ray_jupyter.runtime.protocol.changes import LOOK_BYTES

LOOK = "ndarray (10,) float64"


def largest(session: Any, most: int = 100) -> dict[int, Any]:
    return {row[0]: row for row in ANSWERS["census"](session.state, most)}


def put_array(session: Any, object_id: int) -> None:
    told = session(e.AllocationRequested(0, object_id, 4096))
    [offset] = [command.offset for command in told if hasattr(command, "offset")]
    session(e.Put(0, [(object_id, (m.STORED, offset, 4096, LOOK), ())]))


def test_the_largest_come_first(session: Any) -> None:
    session.join(1)
    session.store(20, 0.5)
    session.store(21, 1)
    session(e.Put(0, [(22, b"small", ())]))
    session.submit(30, template=session.define())
    rows = ANSWERS["census"](session.state, 3)
    assert [(row[0], row[2], row[4]) for row in rows] == [
        (21, "MEMORY", [1]), (20, "MEMORY", [1]), (22, "MESSAGE", [1]),
    ]  # fmt: skip
    assert len(ANSWERS["census"](session.state, 100)) == 4


def test_holders_are_counted_by_kind(session: Any) -> None:
    session.join(1)
    session(e.Put(0, [(20, b"value", ()), (21, b"list", (20,))]))
    session.define(closure=(20,))
    template = session.define(9)
    session.submit(30, 31, template=template, deps=(20,))  # nine CPUs: they wait
    session(e.Held(1, [20]))
    row = largest(session)[20]
    assert row[7] == (1, 1, 1, 1, 2)
    assert row[3] == sum(row[7])
    session(e.Released(0, [20]))
    assert largest(session)[20][7] == (0, 1, 1, 1, 2)


def test_what_a_value_looks_like_is_known_on_disk_and_back_again(session: Any) -> None:
    put_array(session, 20)
    assert largest(session)[20][8] == LOOK
    session.spill(20)
    assert largest(session)[20][2:3] + largest(session)[20][8:] == ("DISK", LOOK)
    told = session(e.AllocationRequested(0, 1, 4096))
    [offset] = [command.offset for command in told if hasattr(command, "offset")]
    session(e.Restored(0, 20, offset, 4096))
    assert largest(session)[20][2:3] + largest(session)[20][8:] == ("MEMORY", LOOK)
    session(e.Put(0, [(22, b"x" * 9_000, ())]))
    assert largest(session)[22][8] == b"x" * LOOK_BYTES


def test_one_object_knows_who_makes_it_and_who_made_it(session: Any) -> None:
    one = ANSWERS["object"]
    session.join(1)
    session(e.CellBegan(0, 5))
    session.submit(10, template=session.define(returns=2, extras=((m.VERSION, "f@1"),)))
    told = one(session.state, 11)
    assert (told["state"], told["name"], told["cell"], told["location"]) == (
        "RUNNING", "work", 5, "",
    )  # fmt: skip
    assert told["version"] == "f@1"
    session.finish(1, 10, [(b"a", ()), (b"bc", ())])
    assert one(session.state, 11) == {
        "state": "FINISHED", "name": "work", "cell": 5, "size_bytes": 2, "location": "MESSAGE",
        "look": b"bc", "version": "", "actor": "",
    }  # fmt: skip
    session(e.Put(0, [(20, b"value", ())]))
    assert (one(session.state, 20)["name"], one(session.state, 99)) == ("", {})
    session.submit(30, template=session.define(retries=0))
    session.finish(1, 30, b"pickled", status=m.ERROR)
    assert (one(session.state, 30)["state"], one(session.state, 30)["location"]) == (
        "FAILED", "ERROR",
    )  # fmt: skip
