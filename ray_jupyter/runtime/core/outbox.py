"""The commands that the answer to a batch of events consists of."""

from __future__ import annotations

from ray_jupyter.runtime.core import commands as c
from ray_jupyter.runtime.protocol.messages import Assignment, Definition, Descriptor


class Outbox:
    """Commands being gathered: hot ones by client, all others in order."""

    __slots__ = ("assignments", "commands", "definitions", "equipment", "in_place", "objects")

    def __init__(self) -> None:
        self.equipment: list[c.Command] = []
        self.in_place: list[c.Command] = []
        self.assignments: dict[int, list[Assignment]] = {}
        self.definitions: dict[int, list[tuple[int, Definition]]] = {}
        self.objects: dict[int, list[tuple[int, Descriptor]]] = {}
        self.commands: list[c.Command] = []

    def assign(self, client: int, assignment: Assignment) -> None:
        """Send a task to a worker."""
        batch = self.assignments.get(client)
        if batch is None:
            self.assignments[client] = [assignment]
        else:
            batch.append(assignment)

    def deliver(self, client: int, object_id: int, value: Descriptor) -> None:
        """Send a descriptor to a client."""
        batch = self.objects.get(client)
        if batch is None:
            self.objects[client] = [(object_id, value)]
        else:
            batch.append((object_id, value))

    def drain(self) -> list[c.Command]:
        """Return all commands. Objects go first: a task must find what it was promised.

        Tasks in place go before others, which may rely on the templates they bring.
        """
        out: list[c.Command] = [c.Deliver(k, v) for k, v in self.objects.items()]
        if self.equipment:
            out += self.equipment
            self.equipment = []
        out += self.in_place
        out += [
            c.Dispatch(k, self.definitions.pop(k, []), v, False)
            for k, v in self.assignments.items()
        ]
        out += self.commands
        self.assignments, self.objects, self.commands, self.in_place = {}, {}, [], []
        return out
