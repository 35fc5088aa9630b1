"""What a call of the inline backend may use: its environment, and GPUs by number.

Lives here: ``Places``. Does not: running anything (``inline``). Calls on one stack cannot wait
for each other's GPUs, so where none is free the ones of the caller are used once more.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from ray_jupyter import environment
from ray_jupyter.runtime.client.functions import check_node
from ray_jupyter.runtime.core import devices
from ray_jupyter.runtime.protocol.messages import RUNTIME_ENV
from ray_jupyter.runtime.protocol.specs import RESOURCE_UNITS, TaskTemplate

if TYPE_CHECKING:
    from ray_jupyter.config import Config

_VISIBLE = "CUDA_VISIBLE_DEVICES"


class Place(NamedTuple):
    """An environment as text, and GPUs with how much of them was taken."""

    environment: str
    gpus: tuple[int, ...] = ()
    units: int = 0


class Places:
    """``here`` is the place of what runs now."""

    def __init__(self, config: Config, session_id: str) -> None:
        self.here = Place(config.runtime_env)
        self._total = config.totals()
        self._session_id = session_id
        self._names = config.gpus
        self._free = devices.make(round(config.num_gpus * RESOURCE_UNITS))

    def gpu_ids(self) -> list[str]:
        """Return the names of the GPUs of what runs now."""
        return [self._names[device] for device in self.here.gpus]

    def check(self, template: TaskTemplate) -> None:
        """Refuse what could never run.

        Raises:
            ValueError: it asks for more than there is, or for another node.
        """
        check_node(template, self._session_id)
        for name, amount in template.resources.items():
            have = self._total.get(name, 0.0)
            if amount > have:
                raise ValueError(
                    f"{template.name} asks for {amount:g} {name}, and this session has {have:g}: "
                    "it could never run; give init() more"
                )

    def take(self, template: TaskTemplate) -> Place:
        """Return the place of a call from here; ``release`` it."""
        own = template.extras.get(RUNTIME_ENV, environment.NONE)
        entered = environment.merged(self.here.environment, own)
        units = round(template.resources.get(devices.GPU, 0) * RESOURCE_UNITS)
        chosen = devices.choose(self._free, units) if units else None
        if chosen is None:
            return Place(entered, self.here.gpus if units else ())
        devices.take(self._free, chosen, units)
        return Place(entered, chosen, units)

    def release(self, place: Place) -> None:
        """The call, or the actor, is over."""
        devices.take(self._free, place.gpus, -place.units)

    @contextmanager
    def entered(self, place: Place) -> Iterator[None]:
        """Run the block there."""
        before, self.here = self.here, place
        visible = os.environ.get(_VISIBLE)
        try:
            with environment.entered(place.environment):
                if place.gpus:
                    os.environ[_VISIBLE] = ",".join(self.gpu_ids())
                yield
        finally:
            self.here = before
            if place.gpus:
                os.environ.pop(_VISIBLE, None)
                if visible is not None:
                    os.environ[_VISIBLE] = visible
