"""Frames have a size, whatever happened."""

from __future__ import annotations

from collections import deque
from typing import Any

from ray_jupyter.dashboard import frames
from ray_jupyter.dashboard.frames import FRAME_BYTES, size_bytes
from ray_jupyter.dashboard.model import Model
from ray_jupyter.testing.dashboard import MS, Cluster, Viewer


def crowded(cluster: Cluster, model: Model) -> None:
    """Thousands of tasks of hundreds of functions with long names on 64 workers, with errors."""
    cluster.failures = dict.fromkeys(range(1, 6000), b"e" * 2000)
    for task in range(1, 6_000):
        cluster.end(
            task, f"{task % 300:03} {'ä' * 100}", worker=task % 64, took_ns=40 * MS,
            arguments=tuple(range(max(1, task - 16), task)), status="FAILED" if task % 50 == 0 else "FINISHED",
        )  # fmt: skip
    for index in range(250):
        model.begin_cell(1 + index, f"{index:036}", f"[{index}]")
    cluster.tell(model, most=10_000)


def test_no_frame_is_too_large_and_nothing_is_lost(cluster: Cluster, model: Model) -> None:
    crowded(cluster, model)
    logs = deque([[i, 1, 1, "stdout", "l" * 1_900] for i in range(100)])
    objects: list[Any] = [
        [i, 1, "MEMORY", 1, [1] * 64, 0, False, 0, ["n" * 40] * 4, [1] * 5, "l" * 80]
        for i in range(120)
    ]
    first = frames.snapshot(
        model, 1, 0, {"hints": ["h" * 200] * 4, "logs": logs, "objects": objects}
    )
    assert size_bytes(first) <= FRAME_BYTES
    assert size_bytes(frames.fitting(objects)) <= frames.SHARES["objects"]
    viewer, width_us = Viewer(), 0
    viewer.apply(first)
    for seq in range(2, 200):
        frame = frames.delta(model, seq, 0, width_us, logs)
        width_us = model.bins.width_us
        assert size_bytes(frame) <= FRAME_BYTES - frames.SHARES["objects"]
        viewer.apply(frame)
        if frames.is_empty(frame):
            break
    assert not logs
    assert not model.new_tasks
    assert len(viewer.tasks) == 5_999
    assert viewer.tables["nodes"] == dict(enumerate(model.nodes))
    assert viewer.tables["edges"] == dict(enumerate(model.edges))
    told = {(lane, row[0]): row for lane, rows in model.bins.rows().items() for row in rows}
    assert viewer.bins == told


def test_a_row_that_never_fits_does_not_block_the_others(model: Model) -> None:
    logs = deque([[0, 1, 1, "stdout", "l" * 9_000], [1, 1, 1, "stdout", "short"]])
    frames.delta(model, 1, 0, 0, logs)
    assert [row[4] for row in frames.delta(model, 2, 0, 0, logs)["logs"]] == ["short"]


def test_a_delta_without_news_is_empty(cluster: Cluster, model: Model) -> None:
    cluster.end(1)
    cluster.tell(model)
    assert not frames.is_empty(frames.delta(model, 1, 0, model.bins.width_us))
    assert frames.is_empty(frames.delta(model, 2, 0, model.bins.width_us))
