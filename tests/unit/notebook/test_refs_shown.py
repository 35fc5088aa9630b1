"""References as results of cells: what is known is shown, and nothing is fetched."""

from __future__ import annotations

from typing import Any

import ray_jupyter as ray

MAKE = """import numpy as np
import ray_jupyter as ray
@ray.remote
def ones(n): return np.ones((n, n))
@ray.remote
def bad(): raise ValueError("no")
"""


def html_of(inline: Any, name: str) -> str:
    ref = inline.shell.user_ns[name]
    found: str = inline.shell.display_formatter.formatters["text/html"](ref)
    return found


def test_a_reference_tells_what_is_known(inline: Any) -> None:
    inline.run(MAKE)
    inline.run("ref = ones.remote(200); small = ray.put([1, 2]); other = bad.remote()")
    ref = inline.shell.user_ns["ref"]
    assert f"{ref!r} · finished · ones · In[" in inline.run("ref").out
    assert "· 320.2 kB · ndarray (200, 200) float64" in inline.run("ref").out
    assert "· put · " in inline.run("small").out
    assert "list of 2" in inline.run("small").out
    assert "· failed · bad" in inline.run("other").out
    assert "· finished · ones · In[" in html_of(inline, "ref")
    assert repr(ref) == f"ObjectRef({ref.hex()})"


def test_references_in_a_list_are_only_named(inline: Any) -> None:
    inline.run("import ray_jupyter as ray")
    inline.run("many = [ray.put(1), ray.put(2)]")
    assert "put" not in inline.run("many").out.replace("Out", "")


def test_names_are_text(inline: Any) -> None:
    inline.run("import ray_jupyter as ray")
    inline.run("ref = ray.remote(lambda: 1).options(name='<img src=x>').remote()")
    assert "&lt;img src=x&gt;" in html_of(inline, "ref")


def test_one_of_an_earlier_session_says_so_and_unloading_shows_them_as_before(
    inline: Any,
) -> None:
    inline.run("import ray_jupyter as ray; ref = ray.put(1)")
    ray.shutdown()
    assert "of a session that has ended" in inline.run("ref").out
    ray.init(mode="inline")
    inline.run("%unload_ext ray_jupyter")
    out = inline.run("ref").out
    assert "ObjectRef(" in out
    assert "ended" not in out
