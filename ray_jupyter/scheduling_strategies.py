"""Where a task should run: Ray's strategies, which one machine can only obey or refuse."""

from __future__ import annotations

from typing import Any, NoReturn


class NodeAffinitySchedulingStrategy:
    """Run on the node of this id; ``soft``: elsewhere, if there is no such node.

    Attributes:
        node_id: ``nodes()[0]["NodeID"]`` is the only one that exists.
        soft: whether another node will do.
    """

    def __init__(self, node_id: str, soft: bool) -> None:
        self.node_id = node_id
        self.soft = soft

    def __repr__(self) -> str:
        return f"NodeAffinitySchedulingStrategy({self.node_id!r}, soft={self.soft})"


class PlacementGroupSchedulingStrategy:
    """Not supported: one machine has nothing to group."""

    def __init__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(NO_GROUPS)


class NodeLabelSchedulingStrategy:
    """Not supported: the one machine has no labels."""

    def __init__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(
            "NodeLabelSchedulingStrategy is Ray's and not supported by ray_jupyter: this machine "
            "has no labels; leave it out, or use a custom resource (init(resources=...))"
        )


NO_GROUPS = (
    "placement groups are Ray's and not supported by ray_jupyter: there is one machine, so "
    "nothing to spread or pack. To have resources together, ask for their sum in one actor; to "
    "keep them for some tasks, use a custom resource (init(resources={'mine': 4}), "
    "@remote(resources={'mine': 1}))"
)


def check_strategy(name: str, value: Any) -> None:
    """Accept what one machine can obey.

    Raises:
        ValueError: no strategy of this name.
        TypeError: not a strategy.
        NotImplementedError: a strategy that only Ray has.
    """
    if value is None or isinstance(value, NodeAffinitySchedulingStrategy):
        return
    if type(value).__name__.startswith("PlacementGroup"):  # Ray's own class
        raise NotImplementedError(NO_GROUPS)
    if not isinstance(value, str):
        raise TypeError(
            f"{name} must be 'DEFAULT', 'SPREAD' or a NodeAffinitySchedulingStrategy, got {value!r}"
        )
    if value not in ("DEFAULT", "SPREAD"):
        raise ValueError(f"{name} must be 'DEFAULT' or 'SPREAD', got {value!r}")


def check_label_selector(name: str, value: Any) -> None:
    """Accept a selector that a machine without labels meets: ``{"zone": "!eu"}``.

    Raises:
        TypeError: not a dict of text.
        ValueError: it wants a label, which this machine has not.
    """
    if value is None:
        return
    if not isinstance(value, dict) or not all(
        isinstance(text, str) for item in value.items() for text in item
    ):
        raise TypeError(f"{name} must be a dict of text such as {{'zone': '!eu'}}, got {value!r}")
    for label, wanted in value.items():
        if not wanted.startswith("!"):
            raise ValueError(
                f"{name} wants {label}={wanted!r}, and this machine has no labels: it could never "
                "run; leave it out, or use a custom resource (init(resources=...))"
            )
