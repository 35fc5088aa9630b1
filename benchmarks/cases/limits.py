"""What the machine itself allows: a socket round trip, memcpy, fresh shared pages."""

from __future__ import annotations

import mmap
import os
import socket
from statistics import median

from benchmarks.cases.base import MB, Case, Scale, seconds
from benchmarks.systems.base import Feature, System

MESSAGE_BYTES = 200
ROUND_TRIPS = 3_000
SIZE_BYTES = 100 * MB


def run(system: System, scale: Scale) -> dict[str, float]:
    """Medians, in the units of the metrics they are compared with."""
    cores = sorted(os.sched_getaffinity(0))
    return {
        "socket_rtt_s": _socket_round_trip_s({cores[0]}, {cores[-1]}),
        "socket_rtt_one_core_s": _socket_round_trip_s({cores[0]}, {cores[0]}),
        "socket_rtt_free_s": _socket_round_trip_s(set(cores), set(cores)),
        **_memory(scale.array_repeats),
    }


def _socket_round_trip_s(our_cores: set[int], their_cores: set[int]) -> float:
    """Between two Python processes that block in ``recv``.

    Where the kernel puts them decides the figure by a factor of ten, so they are pinned.
    """
    ours, theirs = socket.socketpair()
    message = bytes(MESSAGE_BYTES)
    free_cores = os.sched_getaffinity(0)
    pid = os.fork()
    if pid == 0:
        os.sched_setaffinity(0, their_cores)
        ours.close()
        while received := theirs.recv(MESSAGE_BYTES):
            theirs.sendall(received)
        os._exit(0)
    theirs.close()

    def round_trip() -> None:
        ours.sendall(message)
        ours.recv(MESSAGE_BYTES)

    os.sched_setaffinity(0, our_cores)
    with ours:
        times_s = [seconds(round_trip) for _ in range(ROUND_TRIPS)]
    os.sched_setaffinity(0, free_cores)
    os.waitpid(pid, 0)
    return median(times_s)


def _memory(repeats: int) -> dict[str, float]:
    import numpy as np

    source = np.ones(SIZE_BYTES // 8)
    target = np.zeros_like(source)
    np.copyto(target, source)
    memcpy_s = median(seconds(np.copyto, target, source) for _ in range(repeats))
    written_s = median(_fresh_pwrite_s(source.data.cast("B")) for _ in range(repeats))
    mapped_s = median(_fresh_mapped_copy_s(source.data.cast("B")) for _ in range(repeats))
    return {
        "memcpy_gb_per_s": SIZE_BYTES / memcpy_s / 1e9,
        "fresh_pwrite_gb_per_s": SIZE_BYTES / written_s / 1e9,
        "fresh_mmap_gb_per_s": SIZE_BYTES / mapped_s / 1e9,
    }


def _fresh_pwrite_s(data: memoryview) -> float:
    """Write into shared pages nobody has touched."""
    descriptor = os.memfd_create("bench")
    try:
        os.ftruncate(descriptor, SIZE_BYTES)
        return seconds(os.pwrite, descriptor, data, 0)
    finally:
        os.close(descriptor)


def _fresh_mapped_copy_s(data: memoryview) -> float:
    """Copy through a mapping of shared pages nobody has touched: a fault for each."""
    import numpy as np

    descriptor = os.memfd_create("bench")
    try:
        os.ftruncate(descriptor, SIZE_BYTES)
        with mmap.mmap(descriptor, SIZE_BYTES) as mapping:
            target = np.frombuffer(mapping, np.uint8)
            elapsed_s = seconds(np.copyto, target, np.frombuffer(data, np.uint8))
            del target
            return elapsed_s
    finally:
        os.close(descriptor)


CASE = Case("limits", frozenset({Feature.LIMITS}), timeout_s=60, run=run)
