"""What everything stands on: the machine's own limits, and our scheduler core alone."""

from __future__ import annotations

from benchmarks.systems.base import Feature, System


class Machine(System):
    """No system: sockets and memory as the kernel gives them."""

    name = "machine"
    module = "socket"
    distribution = "python"
    offers = frozenset({Feature.LIMITS})


class Core(System):
    """The scheduler core without processes or sockets."""

    name = "core"
    module = "benchmarks.core"
    distribution = "ray-jupyter"
    offers = frozenset({Feature.CORE})
