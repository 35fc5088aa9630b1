"""Generators that run in this worker: items leave as they are yielded.

Items leave in batches, like results: together with what else is sent, and at the latest some
milliseconds later. With back-pressure a generator is not asked for more while as many items
as its limit wait untaken; meanwhile its task counts as blocked, and others may have its CPU.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from ray_jupyter.runtime.client.interrupts import Interrupted
from ray_jupyter.runtime.protocol import messages as m
from ray_jupyter.runtime.protocol.ids import pause_key

if TYPE_CHECKING:
    from ray_jupyter.runtime.client.client import Client

REPORT_NS = 2_500_000
"""An item leaves at once if nothing has been sent for so long; else with the next flush."""

Output = tuple[m.Descriptor, tuple[int, ...]]


class Streaming:
    """The generators of one worker. ``client`` is the worker."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._consumed: dict[int, int] = {}
        """By running task that yields."""
        self._needed: dict[int, int] = {}
        """How many items must be taken before a paused task goes on."""
        self._stopped: set[int] = set()
        """Tasks that no signal reaches, because they run in a thread, and that shall end."""
        self._batch: m.Message | None = None
        """The message of the last item; more may be added until it is sent."""

    def run(
        self, task_id: int, generator: Generator[Any, Any, Any], limit: int,
        pack: Callable[[Any, int], Output],
    ) -> None:  # fmt: skip
        """Run a generator to its end; the caller shields.

        Args:
            task_id: whose generator.
            generator: what the task's function returned.
            limit: most items that wait untaken; 0 is no limit.
            pack: makes an item and its place into a descriptor and references inside.

        Raises:
            BaseException: what the generator raised, or what ended it.
        """
        shield = self._client.channel.shield
        self._consumed[task_id] = 0
        number = 0
        try:
            while True:
                with shield.lifted:
                    try:
                        value = next(generator)
                    except StopIteration:
                        return
                self._post(task_id, number, pack(value, number))
                del value  # references inside may be released from here on
                number += 1
                if limit and number - self._consumed[task_id] >= limit:
                    self._pause(task_id, number - limit + 1)
                if task_id in self._stopped:
                    raise Interrupted
        except BaseException as error:
            with shield.lifted:
                _stop(generator, error)
            raise
        finally:
            with self._client.channel.lock:
                self._batch = None
                del self._consumed[task_id]
                self._stopped.discard(task_id)

    def _post(self, task_id: int, place: int, output: Output) -> None:
        channel = self._client.channel
        with channel.lock:
            item = (self._client.mint(), *output)
            batch, outgoing = self._batch, channel.outgoing
            if batch is not None and outgoing and outgoing[-1] is batch and batch[1] == task_id:
                batch[3].append(item)
            else:
                self._batch = (m.YIELDED, task_id, place, [item])
                channel.post(self._batch)
        if time.monotonic_ns() - channel.sent_ns > REPORT_NS:
            channel.flush()
        elif not channel.ticking:
            channel.wake()

    def _pause(self, task_id: int, needed: int) -> None:
        """Wait until ``needed`` items have been taken."""
        client, key = self._client, pause_key(task_id)
        with client.channel.lock:
            if self._consumed[task_id] >= needed or task_id in self._stopped:
                return
            self._needed[task_id] = needed
            client.signals.revoke(key)
        try:
            client.await_objects([key], 1, None)
        finally:
            with client.channel.lock:
                del self._needed[task_id]
                client.signals.revoke(key)

    def interrupt(self, task_id: int) -> None:
        """End a generator that runs in a thread, after its next item; now if it is paused."""
        with self._client.channel.lock:
            if task_id in self._consumed:
                self._stopped.add(task_id)
                if task_id in self._needed:
                    self._client.signals.fulfil(pause_key(task_id))

    def resume(self, task_id: int, number: int) -> None:
        """The reader has taken ``number`` items; called by whoever receives."""
        with self._client.channel.lock:
            if task_id not in self._consumed:
                return  # it has ended, or not begun: then it will be told again
            self._consumed[task_id] = number
            if number >= self._needed.get(task_id, number + 1):
                self._client.signals.fulfil(pause_key(task_id))


def _stop(generator: Generator[Any, Any, Any], error: BaseException) -> None:
    """Let a generator that will not be asked again clean up; it sees a cancel where it stands.

    Nothing happens if the error came out of the generator itself: it is over.
    """
    if isinstance(error, Interrupted):
        try:
            generator.throw(error)
        except (Interrupted, StopIteration):
            return
    generator.close()
