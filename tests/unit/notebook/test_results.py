"""What stays in Out, and what is let go."""

from __future__ import annotations

from typing import Any

import pytest

import ray_jupyter as ray
from ray_jupyter import session
from ray_jupyter.notebook.results import is_refs


@pytest.fixture
def shown(inline: Any) -> Any:
    """A shell that keeps two results."""
    inline.run("import ray_jupyter as ray\n%config RayMagics.out_refs = 2")
    return inline


def alive() -> int:
    return int(session.connected().statistics()["objects"])


def results(notebook: Any) -> dict[int, Any]:
    found: dict[int, Any] = notebook.variables["Out"]
    return found


def number(notebook: Any) -> int:
    return int(notebook.shell.execution_count) - 1


def test_the_newest_stay_and_older_ones_say_what_they_were(shown: Any) -> None:
    shown.run("ray.put('first')")
    first = number(shown)
    for _ in range(3):
        shown.run("ray.put('more')")
    shown.run("5")  # what is no ref does not count, nor push anything out
    assert alive() == 2
    assert shown.run(f"ray.get(Out[{first + 3}])").value == "more"
    said = repr(results(shown)[first])
    assert said.startswith(f"<Out[{first}] was let go, because no name kept it; it was ObjectRef(")
    assert shown.variables[f"_{first}"] is results(shown)[first]
    assert said[:45] in str(shown.fails(f"ray.get(_{first})").error)


def test_containers_of_nothing_but_refs_go_others_stay(shown: Any) -> None:
    shown.run("[ray.put(i) for i in range(3)]")
    listed = number(shown)
    shown.run("{'a': (ray.put(1), ray.put(2))}")
    shown.run("[ray.put('mixed'), 'text']")
    mixed = number(shown)
    for _ in range(2):
        shown.run("ray.put('more')")
    assert "list of 3 refs" in repr(results(shown)[listed])
    assert "dict of 2 refs" in repr(results(shown)[listed + 1])
    assert ray.get(results(shown)[mixed][0]) == "mixed"
    assert alive() == 3


def test_what_has_a_name_stays_for_as_long_as_it_has(shown: Any) -> None:
    shown.run("kept = ray.put('kept'); refs = [ray.put(1)]\nkept")
    named = number(shown)
    shown.run("refs")
    for _ in range(4):
        shown.run("ray.put('more')")
    assert results(shown)[named] is shown.variables["kept"]
    assert results(shown)[named + 1] is shown.variables["refs"]
    assert alive() == 4
    shown.run("del kept")
    assert "was let go" in repr(results(shown)[named])
    assert alive() == 3


def test_underscores_go_with_their_result(shown: Any) -> None:
    shown.run("%config RayMagics.out_refs = 0")
    shown.run("ray.put('one')")
    assert shown.run("x = ray.get(_); x").value == "one"  # the last one works in any case
    assert alive() == 0
    assert "was let go" in repr(shown.variables["__"])
    shown.run("3")
    assert [shown.run("__").value, shown.run("__").value] == ["one", 3]  # IPython counts on


def test_an_actor_does_not_end_because_it_was_only_shown(shown: Any) -> None:
    shown.run("@ray.remote\nclass A:\n    def m(self): return 5\nA.remote()")
    made = number(shown)
    for _ in range(4):
        shown.run("ray.put('more')")
    assert shown.run(f"ray.get(_{made}.m.remote())").value == 5


def test_the_number_is_checked(shown: Any) -> None:
    shown.run("%config RayMagics.out_refs = -1")
    assert shown.run("%config RayMagics.out_refs").value == 2


@pytest.mark.parametrize("value", [[], {}, (), [[]], 5, "text", None, [1], {"a": 1}])
def test_what_is_no_ref(value: Any) -> None:
    assert not is_refs(value)


def test_circles_are_no_refs() -> None:
    circle: list[Any] = []
    circle.append(circle)
    assert not is_refs(circle)
