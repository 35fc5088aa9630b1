"""Places of nodes: rows follow the edges, nothing overlaps, nothing is forgotten."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ray_jupyter.compat2016.layered import GAP_CSS_PX, ROW_CSS_PX, lay_out

EDGES = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=30)
WIDTHS = st.lists(st.floats(10, 200), min_size=13, max_size=13)


@given(EDGES, WIDTHS)
def test_any_graph(pairs: list[tuple[int, int]], widths: list[float]) -> None:
    edges = [(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]]
    width_of = dict(enumerate(widths))
    places, bends = lay_out(width_of, edges)
    assert places.keys() == width_of.keys()
    assert bends.keys() == set(edges)
    for source, target in edges:
        assert places[source][1] < places[target][1]
        ys = [places[source][1], *(y for _, y in bends[source, target]), places[target][1]]
        assert ys == sorted(set(ys))
    for one in places:
        for other in range(one):
            if places[one][1] == places[other][1]:
                apart = (widths[one] + widths[other]) / 2 + GAP_CSS_PX
                assert abs(places[one][0] - places[other][0]) >= apart - 1e-6
    assert min(x - width_of[node] / 2 for node, (x, _) in places.items()) >= -1e-6


@given(EDGES)
def test_circles_are_laid_out_too(edges: list[tuple[int, int]]) -> None:
    places, _ = lay_out(dict.fromkeys(range(13), 10.0), edges)
    assert len(set(places.values())) == 13


def test_a_chain_is_a_column() -> None:
    places, bends = lay_out({"a": 10.0, "b": 50.0, "c": 10.0}, [("a", "b"), ("b", "c")])
    assert [places[name][1] for name in "abc"] == [0, ROW_CSS_PX, 2 * ROW_CSS_PX]
    assert len({round(places[name][0]) for name in "abc"}) == 1
    assert not any(bends.values())


def test_crossings_are_taken_out() -> None:
    edges = [("a", "y"), ("b", "x")]
    places, _ = lay_out(dict.fromkeys("abxy", 10.0), edges)
    assert (places["a"][0] < places["b"][0]) == (places["y"][0] < places["x"][0])


def test_nothing_at_all() -> None:
    assert lay_out({}, []) == ({}, {})
