"""A definition is edited and run again: what still runs the old one is marked. Actors, here."""

from __future__ import annotations

from typing import Any

import pytest

import ray_jupyter as ray

CLASS = "class Counter:\n    def add(self, k): return k\n"
EDITED = CLASS.replace("return k", "return k + 1")
SAID = (
    "1 actor (Counter) still runs the definition of In[{}] · "
    "Counter.remote(…) makes one of the new class"
)


@pytest.fixture
def counting(inline: Any) -> Any:
    """A notebook with an actor of the cell before the last."""
    inline.run("import ray_jupyter as ray")
    inline.run("%%remote\n" + CLASS)
    inline.run("counter = Counter.remote()")
    return inline


def number(notebook: Any) -> int:
    """Return the number of the last cell."""
    count: int = notebook.shell.execution_count
    return count - 1


def html_of(notebook: Any, name: str) -> str:
    value = notebook.variables[name]
    found: str = notebook.shell.display_formatter.formatters["text/html"](value)
    return found


def test_an_actor_of_an_edited_class_is_marked(counting: Any) -> None:
    made, defined = number(counting), number(counting) - 1
    assert "still" not in counting.run("1").out
    assert SAID.format(defined) in counting.run("%%remote\n" + EDITED).out
    text = counting.run("counter").out
    assert f" · alive · In[{made}] · older definition" in text
    assert " · older definition</div>" in html_of(counting, "counter")
    assert f"older    1 actor of Counter as of In[{defined}]" in counting.run("%ray_status").out
    counting.run("new = Counter.remote()")
    assert "older" not in counting.run("new").out
    counting.run("ray.kill(counter); del counter")
    assert "older" not in counting.run("%ray_status").out


def test_the_same_code_is_no_other_definition(counting: Any) -> None:
    for cell in ("%%remote\n" + CLASS, "import ray_jupyter as ray\n\n@ray.remote\n# so\n" + CLASS):
        assert "still" not in counting.run(cell).out
        assert "older" not in counting.run("counter").out
    assert "older" not in counting.run("%ray_status").out
    again = number(counting) - 2  # the cell that has the code by now
    assert SAID.format(again) in counting.run("%%remote\n" + EDITED).out


def test_back_to_what_it_was(counting: Any) -> None:
    counting.run("%%remote\n" + EDITED)
    assert "still" not in counting.run("%%remote\n" + CLASS).out
    assert "older" not in counting.run("counter").out


def test_defined_twice_in_a_cell_that_fails(counting: Any) -> None:
    cell = f"@ray.remote\n{CLASS}mine = Counter.remote()\n@ray.remote\n{EDITED}1 / 0"
    out = counting.fails(cell).out
    assert "2 actors (Counter) still run the definition of In[" in out


def test_another_name_for_the_old_class_is_the_users_affair(counting: Any) -> None:
    counting.run("Old = Counter")
    assert "still runs" in counting.run("%%remote\n" + EDITED).out
    assert "older definition" in counting.run("Old.remote()").out
    assert "older" not in counting.run("Counter.remote()").out
    assert "still" not in counting.run("pass").out


def test_what_has_another_name_only(inline: Any) -> None:
    inline.run("import ray_jupyter as ray\nclass C: pass\nD = ray.remote(C)\nd = D.remote()")
    assert "1 actor (C)" in inline.run("class C: x = 1\nD = ray.remote(C)").out
    inline.run("class C: x = 2\nE = ray.remote(C)")  # which one is it?
    assert "older" not in inline.run("E.remote()").out


def test_a_deleted_name_and_an_ended_session(counting: Any) -> None:
    counting.run("del Counter")
    assert "older" not in counting.run("counter").out
    assert "still" in counting.run("%%remote\n" + EDITED).out
    ray.shutdown()
    assert "still" not in counting.run("%%remote\n" + CLASS).out
    assert "of a session that has ended" in counting.run("counter").out


def test_names_are_text(inline: Any) -> None:
    inline.run("import ray_jupyter as ray\n@ray.remote\nclass A: pass\na = A.remote()")
    assert html_of(inline, "a").startswith("<div><code>ActorHandle(A, ")
    inline.run("%unload_ext ray_jupyter")
    assert "alive" not in inline.run("a").out
