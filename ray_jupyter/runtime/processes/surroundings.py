"""What the code of tasks finds around it: an environment, GPUs, objects that go with functions."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ray_jupyter import environment
from ray_jupyter.runtime.client.modules import Edits, Imported
from ray_jupyter.runtime.protocol import messages as m

if TYPE_CHECKING:
    from ray_jupyter.runtime.client.client import Client


class Surroundings:
    """Those of one worker.

    Args:
        client: the worker, as a client of the scheduler.
        gpus: the names of all GPUs of the session.
    """

    def __init__(self, client: Client, gpus: list[str]) -> None:
        self._client = client
        self._gpus = gpus
        self._imported = Imported()

    def inherited_edits(self) -> Edits:
        """Return what goes with what is submitted here."""
        return self._imported.edits

    def equip(self, devices: list[int]) -> None:
        """Make these GPUs, and no others, visible to what comes from now on."""
        self._client.gpu_ids = tuple(self._gpus[device] for device in devices)
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(self._client.gpu_ids)

    def prepare(self, extras: tuple[tuple[str, Any], ...]) -> None:
        """Have what the options of a function demand, before it is unpickled."""
        # The scheduler sends a worker that has entered one environment nothing of another.
        text = dict(extras).get(m.RUNTIME_ENV, "")
        if text != self._client.environment:
            environment.enter(text)
            self._client.environment = text
        for name, value in extras:
            if name == m.COMPANION:
                self._meet(value)
            elif name == m.EDITED:
                self._imported.hear(value)

    def _meet(self, companion: int) -> None:
        """Load an object that goes with a function: unpickling it does what it is for."""
        client = self._client
        if companion == client.companion:
            return
        client.hold(companion)
        try:
            client.get([companion], None)
        except BaseException:
            client.drop(companion)
            raise
        client.use_companion(companion)
