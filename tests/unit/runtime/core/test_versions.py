"""What runs which version is told, as long as it runs."""

from __future__ import annotations

from typing import Any

from ray_jupyter.runtime.core import events as e
from ray_jupyter.runtime.core import tables
from ray_jupyter.runtime.core.queries import ANSWERS
from ray_jupyter.runtime.protocol import messages as m


def live(session: Any) -> Any:
    return ANSWERS["versions"](session.state, None)


def version(name: str) -> tuple[tuple[str, object], ...]:
    return ((m.VERSION, name),)


def test_tasks_are_counted_by_version_and_cell_until_they_end(session: Any) -> None:
    session.join(1)
    old, new = (session.define(extras=version(name)) for name in ("f@1", "f@2"))
    session.submit(9, template=session.define())  # of nobody's source
    session(e.CellBegan(0, 15))
    session.submit(20, 21, template=old)
    session.submit(22, template=new)
    assert live(session)["tasks"] == [("f@1", "work", 15, 2), ("f@2", "work", 15, 1)]
    assert ANSWERS["object"](session.state, 20)["version"] == "f@1"
    assert ANSWERS["object"](session.state, 9)["version"] == ""
    session.finish(1, 9)
    session.finish(1, 20)
    session.finish(1, 21)
    assert live(session)["tasks"] == [("f@2", "work", 15, 1)]
    assert ANSWERS["object"](session.state, 20)["version"] == ""
    rows = {row["task_id"]: row.get("version") for row in tables.tasks(session.state)}
    assert rows == {22: "f@2", 21: None, 20: None, 9: None}


def test_what_a_task_submits_belongs_to_its_cell(session: Any) -> None:
    session.join(1)
    session(e.CellBegan(0, 15))
    session.submit(20, template=session.define())
    session.submit(
        30, parent=20, client=1, template=session.define(client=1, extras=version("f@1"))
    )
    assert live(session)["tasks"] == [("f@1", "work", 15, 1)]


def test_an_actor_keeps_its_version_and_so_do_its_calls(session: Any) -> None:
    session.join(1)
    call = session.define(0, kind=m.METHOD)
    session.submit(20, template=session.define(kind=m.ACTOR, extras=version("C@1")))
    session.submit(21, template=call, held=(20,))
    assert live(session) == {"tasks": [], "actors": [("C@1", 20)]}
    session.finish(1, 20)
    told = [ANSWERS["object"](session.state, object_id) for object_id in (20, 21)]
    assert [(one["version"], one["actor"]) for one in told] == [("C@1", "ALIVE"), ("C@1", "")]
    assert next(tables.actors(session.state))["version"] == "C@1"
    session(e.KillActorRequested(0, 20))
    assert live(session)["actors"] == []
    assert ANSWERS["object"](session.state, 20)["actor"] == "DEAD"
