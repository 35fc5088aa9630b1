"""What a Ray cluster cannot be asked for."""

from __future__ import annotations

from typing import NoReturn

from ray_jupyter.backends.base import Capability
from ray_jupyter.runtime.protocol.specs import TaskTemplate


class Refusals:
    """Parts of ``Backend`` that say which ``Capability`` is lacking."""

    name: str

    def renew_workers(self) -> NoReturn:
        """Refuse.

        Raises:
            NotImplementedError: the workers are Ray's.
        """
        Capability.WORKER_RENEWAL.refuse(self.name)

    def resize(self, num_cpus: int) -> NoReturn:
        """Refuse.

        Raises:
            NotImplementedError: how many workers there are is the cluster's affair.
        """
        Capability.RESIZING.refuse(self.name)

    def resume(self, object_id: int, template: TaskTemplate | None) -> NoReturn:
        """Refuse.

        Raises:
            NotImplementedError: a result that is there stays what it is.
        """
        Capability.RESUMING.refuse(self.name)

    def held_here(self) -> NoReturn:
        """Refuse.

        Raises:
            NotImplementedError: Ray counts, and does not tell.
        """
        Capability.REFERENCE_COUNTS.refuse(self.name)
