"""Mistakes the slow model of the core made, without the core and without chance."""

from __future__ import annotations

from ray_jupyter.testing.models import CoreModel


def test_the_core_s_model_needs_what_is_inside_of_small_inputs() -> None:
    model = CoreModel(held={0: set()})
    model.submit(0, 10, (), (), 0, 1, retries=0)
    model.put(0, 11, (10,))
    model.succeed(10, (), large=True)
    model.submit(0, 12, (11,), (), 0, 1, retries=2)
    model.succeed(12, (), large=True)
    for lost in (10, 12):
        model.lose(lost)
        assert model.live() == set()
        assert model.objects[lost].value == "lost"
