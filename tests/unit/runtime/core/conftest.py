"""A scheduler core to talk to, in few words; every event is followed by all invariants."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest

from ray_jupyter.runtime.core import commands as c
from ray_jupyter.runtime.core import events as e
from ray_jupyter.runtime.core.invariants import check
from ray_jupyter.runtime.core.scheduler import SchedulerCore
from ray_jupyter.runtime.core.state import ClusterState
from ray_jupyter.runtime.protocol import messages as m

MIB = 1 << 20
Command = TypeVar("Command")


class Session:
    """Two CPUs, two GPUs, four MiB, two workers wanted; the driver is there."""

    def __init__(self) -> None:
        total = {"CPU": 20_000, "GPU": 20_000}
        self.core = SchedulerCore(total, store_limit_bytes=4 * MIB, workers_target=2)
        self.now_ns = 1
        self.commands: list[c.Command] = []
        self.ids = 100
        self(e.ClientJoined(0, False, 1))

    @property
    def state(self) -> ClusterState:
        return self.core.state

    def __call__(self, event: e.Event) -> list[c.Command]:
        """Tell the core; return its commands."""
        self.now_ns += 1
        told = self.core.handle(event, self.now_ns)
        check(self.state)
        self.commands += told
        return told

    def join(self, client: int) -> list[c.Command]:
        return self(e.ClientJoined(client, True, 100 + client))

    def define(
        self, cpus: float = 1, *, kind: str = m.TASK, returns: int = 1, retries: int = 3,
        closure: tuple[int, ...] = (), client: int = 0, yields: int | None = None,
        more: tuple[tuple[str, int], ...] = (), extras: tuple[tuple[str, object], ...] = (),
    ) -> int:  # fmt: skip
        self.ids += 1
        shape = ((("CPU", int(cpus * 10_000)),) if cpus else ()) + more
        if yields is not None:
            extras = ((m.STREAMING, yields), *extras)
        definition = (kind, "work", b"", closure, shape, returns, retries, "", extras)
        self(e.Defined(client, self.ids, definition))
        return self.ids

    def submit(
        self, *tasks: int, template: int, deps: tuple[int, ...] = (), held: tuple[int, ...] = (),
        parent: int = 0, client: int = 0,
    ) -> list[c.Command]:  # fmt: skip
        return self(e.Submitted(client, [(t, template, b"", deps, held, parent) for t in tasks]))

    def finish(
        self,
        client: int,
        task: int,
        outputs: object = b"v",
        *,
        status: int = m.OK,
        took_ns: int = 100,
    ) -> list[c.Command]:
        return self(e.Finished(client, [(task, status, outputs, 0, took_ns, took_ns)]))

    def finish_large(self, client: int, task: int, kib: int = 4) -> int:
        """End a task with one result in shared memory; return its offset."""
        told = self(e.AllocationRequested(client, task, kib << 10))
        [offset] = [command.offset for command in told if isinstance(command, c.Grant)]
        self.finish(client, task, [((m.STORED, offset, kib << 10), ())])
        return offset

    def spill(self, *ids: int) -> None:
        """Have the driver write everything to disk; the paths are ``spill/`` and the id."""
        told = self(e.AllocationRequested(0, 9_999, 4 * MIB))
        [command] = [command for command in told if isinstance(command, c.SpillVictims)]
        assert {victim for victim, _, _ in command.victims} >= set(ids)
        files = [(victim, f"spill/{victim}") for victim, _, _ in command.victims]
        told = self(e.SpilledOut(0, 9_999, files))
        [offset] = [command.offset for command in told if isinstance(command, c.Grant)]
        self(e.Abandoned(0, offset))

    def lose_file(self, object_id: int, client: int = 0) -> list[c.Command]:
        return self(e.ObjectLost(client, object_id, f"spill/{object_id}", "gone"))

    def lose(self, client: int, running: int = 0) -> list[c.Command]:
        return self(e.ClientLost(client, "worker was killed by SIGKILL", running))

    def tick(self, after_ns: int = 0) -> list[c.Command]:
        self.now_ns += after_ns
        return self(e.Tick())

    def want(self, *ids: int) -> dict[int, m.Descriptor]:
        """Return the values that are there."""
        return self.delivered(self(e.Wanted(0, list(ids))))

    def store(self, object_id: int, mib: float = 1, client: int = 0) -> int:
        """Put a value of this size; return its offset."""
        told = self(e.AllocationRequested(client, object_id, int(mib * MIB)))
        [offset] = [command.offset for command in told if isinstance(command, c.Grant)]
        self(e.Put(client, [(object_id, (m.STORED, offset, int(mib * MIB)), ())]))
        return offset

    @staticmethod
    def sent(commands: list[c.Command]) -> dict[int, list[int]]:
        """Return the tasks dispatched, by worker."""
        sent: dict[int, list[int]] = {}
        for command in commands:
            if isinstance(command, c.Dispatch):
                sent.setdefault(command.client, []).extend(a[0] for a in command.assignments)
        return sent

    @staticmethod
    def delivered(commands: list[c.Command]) -> dict[int, m.Descriptor]:
        """Return the values delivered, by object."""
        found: dict[int, m.Descriptor] = {}
        for command in commands:
            if isinstance(command, c.Deliver):
                found.update(dict(command.objects))
        return found


def only(commands: list[c.Command], kind: type[Command]) -> list[Command]:
    return [command for command in commands if isinstance(command, kind)]


@pytest.fixture
def session() -> Session:
    return Session()


@pytest.fixture
def pick() -> Callable[[list[c.Command], type[Command]], list[Command]]:
    """The commands of one kind."""
    return only
