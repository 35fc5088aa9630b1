"""Storing and loading against a scripted scheduler: extents are always somebody's."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ray_jupyter import errors
from ray_jupyter.runtime.client.task_errors import dump_task_error
from ray_jupyter.runtime.client.values import LostValueError, error_of
from ray_jupyter.runtime.protocol import messages as m
from ray_jupyter.runtime.store import spill
from ray_jupyter.runtime.store.serialization import Serialized, serialize

ARRAY = np.arange(1000)


def put(client: Any, value: Any = ARRAY) -> tuple[int, Any]:
    """Store a value; return (object id, descriptor)."""
    posted: list[Any] = []
    client.values.store(serialize(value), posted.append)
    return 7, posted[0]


def deliver(client: Any, object_id: int, descriptor: Any) -> None:
    """Have the client believe that the scheduler delivered this, to be loaded."""
    with client.channel.lock:
        client._mappings.delivered(object_id)
        client._mappings.begin_use(object_id)


def test_a_value_is_written_where_it_was_granted(client: Any, scheduler: Any) -> None:
    object_id, descriptor = put(client)
    assert descriptor[0] == m.STORED
    assert scheduler.of_kind(m.ALLOCATE)[0][2] == descriptor[2] == serialize(ARRAY).size_bytes
    deliver(client, object_id, descriptor)
    got = client.values.load(object_id, descriptor)
    np.testing.assert_array_equal(got, ARRAY)
    assert not got.flags.writeable


def test_a_denial_is_the_error_with_its_census(client: Any, scheduler: Any) -> None:
    scheduler.answers[m.ALLOCATE] = lambda request, *_: [(m.DENY, request, "the census")]
    with pytest.raises(errors.ObjectStoreFullError, match="the census"):
        put(client)


def test_pages_to_give_back_are_punched_first(client: Any, scheduler: Any) -> None:
    client._segment.write(1 << 20, serialize(ARRAY), warm=False)
    scheduler.answers[m.ALLOCATE] = lambda request, *_: [
        (m.GRANT, request, 0, False, [(1 << 20, 8192)])
    ]
    put(client)
    assert bytes(client._segment.read(1 << 20, 8192)) == bytes(8192)
    client.query("ping")
    assert scheduler.of_kind(m.PUNCHED) == [(m.PUNCHED, [1 << 20], True)]


def test_an_extent_that_cannot_be_filled_is_given_back(
    client: Any, scheduler: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))

    monkeypatch.setattr(client._segment, "write", fail)
    with pytest.raises(OSError, match="too large"):
        put(client)
    client.query("ping")
    assert scheduler.of_kind(m.ABANDON) == [(m.ABANDON, 0)]


def spill_first(scheduler: Any, victims: list[Any]) -> None:
    """Have the scheduler ask for victims before it grants."""
    scheduler.answers[m.ALLOCATE] = lambda request, *_: [(m.SPILL, request, victims)]
    scheduler.answers[m.SPILLED_OUT] = lambda request, files: [
        scheduler.grant(request) if files else (m.DENY, request, "nothing was written")
    ]


def test_victims_are_written_privately_then_the_value(
    client: Any, scheduler: Any, tmp_path: Path
) -> None:
    client.values._spill_dir = str(tmp_path / "session")
    victim = serialize(np.ones(1000))
    client._segment.write(32 << 20, victim, warm=False)
    spill_first(scheduler, [(9, 32 << 20, victim.size_bytes)])
    put(client)
    ((_, _, [(object_id, path)]),) = scheduler.of_kind(m.SPILLED_OUT)
    assert object_id == 9
    assert spill.view(path, victim.size_bytes) == victim.to_bytes()
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
    assert stat.S_IMODE(Path(path).parent.stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_made_spills_nothing(
    client: Any, scheduler: Any, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    client.values._spill_dir = str(tmp_path / "file" / "session")
    spill_first(scheduler, [(9, 0, 100)])
    with pytest.raises(errors.ObjectStoreFullError, match="nothing was written"):
        put(client)


def written(folder: Path, packed: Serialized) -> Path:
    """Return the file of a spilled value."""
    content = memoryview(packed.to_bytes())
    spill.write(str(folder / "object"), len(content), lambda at, size: content[at : at + size])
    return folder / "object"


def test_a_spilled_value_is_restored_and_told(client: Any, scheduler: Any, tmp_path: Path) -> None:
    packed = serialize(ARRAY)
    path = written(tmp_path, packed)
    scheduler.answers[m.RESTORED] = lambda object_id, offset, size: [
        (m.OBJECTS, [(object_id, (m.STORED, offset, size))])
    ]
    got = client.values.load(7, (m.SPILLED, str(path), packed.size_bytes))
    np.testing.assert_array_equal(got, ARRAY)
    client.channel.flush()
    assert scheduler.of_kind(m.UNPIN) == [], "the array is looked at"
    del got
    client.channel.flush()
    assert scheduler.wait_for(m.UNPIN) == [(m.UNPIN, [7])]


def test_a_value_that_is_not_in_its_file_is_reported(client: Any, scheduler: Any) -> None:
    """Whether it is lost, or another process restored it, is for the scheduler to say."""
    with pytest.raises(LostValueError):
        client.values.load(7, (m.SPILLED, "/gone", 5000))
    client.query("ping")
    assert scheduler.of_kind(m.LOST) == [(m.LOST, 7, "/gone", "its file is gone")]
    assert len(scheduler.of_kind(m.ABANDON)) == 1, "the extent for the copy"


def test_get_asks_again_for_what_is_not_in_its_file(client: Any, scheduler: Any) -> None:
    object_id, descriptor = put(client)
    client.hold(object_id)
    answers = [(m.SPILLED, "/gone", descriptor[2]), descriptor]
    scheduler.answers[m.WANT] = lambda ids: [(m.OBJECTS, [(ids[0], answers.pop(0))])]
    (got,) = client.get([object_id], None)
    np.testing.assert_array_equal(got, ARRAY)
    assert not answers


def test_without_any_room_the_file_itself_is_looked_at(
    client: Any, scheduler: Any, tmp_path: Path
) -> None:
    packed = serialize(ARRAY)
    path = written(tmp_path, packed)
    scheduler.answers[m.ALLOCATE] = lambda request, *_: [(m.DENY, request, "full")]
    got = client.values.load(7, (m.SPILLED, str(path), packed.size_bytes))
    path.unlink()
    np.testing.assert_array_equal(got, ARRAY)
    assert not got.flags.writeable


@pytest.mark.parametrize("value", [b"x" * 5000, "y" * 5000, list(range(3000))], ids=type)
def test_values_without_buffers_leave_no_view(client: Any, scheduler: Any, value: Any) -> None:
    object_id, descriptor = put(client, value)
    deliver(client, object_id, descriptor)
    assert client.values.load(object_id, descriptor) == value
    client.end_use(object_id)
    client.channel.flush()
    assert scheduler.wait_for(m.UNPIN) == [(m.UNPIN, [7])]


def test_equality_is_of_all_bytes(client: Any) -> None:
    object_id, descriptor = put(client)
    equals = client.values.equals
    assert equals(object_id, descriptor, serialize(ARRAY))
    assert equals(object_id, descriptor, serialize(ARRAY.copy()))
    changed = ARRAY.copy()
    changed[-1] += 1
    assert not equals(object_id, descriptor, serialize(changed))
    assert not equals(object_id, descriptor, serialize(ARRAY[:-1]))
    assert not equals(object_id, descriptor, serialize(ARRAY.astype(">i8")))
    assert not equals(object_id, b"inline", serialize(ARRAY))
    assert not equals(object_id, (m.SPILLED, "/gone", descriptor[2]), serialize(ARRAY))


def test_descriptors_of_errors() -> None:
    data = dump_task_error("work", "task 1", ValueError("bad"))
    assert isinstance(error_of((m.FAILED, data)), ValueError)
    lost = error_of((m.SYSTEM_ERROR, "ObjectLostError", "it is gone"))
    assert isinstance(lost, errors.ObjectLostError)
    assert str(lost) == "it is gone"
    died = error_of((m.ACTOR_ERROR, "the actor died", None))
    assert (type(died), str(died)) == (errors.ActorDiedError, "the actor died")
    died = error_of((m.ACTOR_ERROR, "the actor died", data))
    assert isinstance(died, errors.ActorDiedError)
    assert isinstance(died.__cause__, ValueError)
    assert "ValueError: bad" in str(died)


def test_loading_an_error_raises_it(client: Any) -> None:
    with pytest.raises(errors.ObjectLostError, match="gone"):
        client.values.load(7, (m.SYSTEM_ERROR, "ObjectLostError", "gone"))
