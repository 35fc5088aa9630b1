"""The scheduler process: bytes to events, commands to bytes. One thread, no decision.

Every round: wait for streams (at most until the core's deadline), turn each message into
an event, gather the resulting messages per client, send each client one frame. Nothing
here blocks: what a client does not read waits in its ``UnixPeer``.
"""

from __future__ import annotations

import gc
import os
import select
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from ray_jupyter.runtime.core import commands as c
from ray_jupyter.runtime.core import events as e
from ray_jupyter.runtime.core.queries import ANSWERS
from ray_jupyter.runtime.core.scheduler import SchedulerCore
from ray_jupyter.runtime.processes import lastwords
from ray_jupyter.runtime.processes.lifeline import watch
from ray_jupyter.runtime.processes.outputs import Outputs
from ray_jupyter.runtime.processes.template_link import Exited, Started, TemplateLink
from ray_jupyter.runtime.processes.visitors import Visitors
from ray_jupyter.runtime.protocol import messages as m
from ray_jupyter.runtime.protocol.ids import DRIVER_ID
from ray_jupyter.runtime.protocol.wire import Decoder, encode
from ray_jupyter.runtime.transport.unix import SPIN_NS, UnixPeer

STILLBORN_LIMIT = 10
"""So many workers in a row that died before their first message end the session."""

EVENTS: dict[int, Any] = {
    m.SUBMIT: e.Submitted, m.CLAIM: e.Claimed, m.DEFINE: e.Defined, m.UNDEFINE: e.Undefined,
    m.PUT: e.Put, m.HOLD: e.Held, m.RELEASE: e.Released, m.WANT: e.Wanted,
    m.FINISHED: e.Finished, m.BLOCKED: e.Blocked, m.UNBLOCKED: e.Unblocked,
    m.RETURNED: e.Returned, m.CANCEL: e.CancelRequested, m.KILL_ACTOR: e.KillActorRequested,
    m.ALLOCATE: e.AllocationRequested, m.ABANDON: e.Abandoned, m.PUNCHED: e.Punched, m.SPILLED_OUT: e.SpilledOut,
    m.RESTORED: e.Restored, m.UNPIN: e.Unpinned, m.RENEW: e.RenewalRequested,
    m.YIELDED: e.Yielded, m.CONSUMED: e.Consumed, m.CLOSED: e.StreamsClosed, m.LOST: e.ObjectLost,
    m.ACTOR_EXITED: e.ActorExited, m.FIND_ACTOR: e.ActorSought, m.SEEN: e.Seen, m.CELL: e.CellBegan,
    m.RESUME_FAILED: e.ResumeRequested, m.RESIZE: e.ResizeRequested, m.MOVED: e.Moved,
}  # fmt: skip

MESSAGES: dict[type[Any], int] = {
    c.Equip: m.EQUIP, c.Dispatch: m.TASKS, c.Deliver: m.OBJECTS, c.Grant: m.GRANT, c.Deny: m.DENY,
    c.SpillVictims: m.SPILL, c.Reclaim: m.RECLAIM, c.Recall: m.RECALL,
    c.InterruptTask: m.INTERRUPT, c.Forget: m.FORGET, c.StopWorker: m.STOP, c.Reply: m.REPLY,
    c.Stream: m.STREAM, c.Resume: m.RESUME, c.Retract: m.RETRACT, c.Total: m.TOTAL,
}  # fmt: skip


class _Client:
    """A connected process: its stream, and what leaves with the next frame."""

    def __init__(
        self, client_id: int, pid: int, sock: socket.socket, words: int, *, is_worker: bool
    ) -> None:
        self.id = client_id
        self.words = words
        """Where its last words are, or -1."""
        self.pid = pid
        self.is_worker = is_worker
        self.peer = UnixPeer(sock)
        self.decoder = Decoder()
        self.outgoing: list[m.Message] = []
        self.has_worked = False


class SchedulerProcess:
    """The shell around ``SchedulerCore``.

    Args:
        driver: the driver's stream.
        control: the template's.
        template_pid: the template process.
        slots: one int per worker: the task it runs (``node.SLOTS``).
        settings: see ``node.main``.
    """

    def __init__(
        self, driver: socket.socket, control: socket.socket, template_pid: int,
        slots: memoryview, settings: dict[str, Any],
    ) -> None:  # fmt: skip
        self._settings = settings
        self._slots = slots
        self._template = TemplateLink(control)
        self._template_pid = template_pid
        self._next_client = DRIVER_ID + 1
        self._clients: dict[int, _Client] = {}
        self._by_fd: dict[int, _Client] = {}
        self._unsent: dict[int, _Client] = {}
        self._stillborn = 0
        self._may_spin = (os.cpu_count() or 1) > 1
        self._exits: dict[int, str] = {}
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)
        self._driver_watch = watch(os.getppid())
        if self._driver_watch is not None:
            self._poll.register(self._driver_watch, select.POLLIN)
        self._core = SchedulerCore(
            settings["total"], store_limit_bytes=settings["store_limit_bytes"],
            workers_target=settings["workers"],
        )  # fmt: skip
        self._outputs = Outputs(self._poll, slots, self._core.state, settings["log_to_driver"])
        self._acts: dict[type[Any], Callable[[Any], None]] = {
            c.StartWorkers: self._start_workers,
            c.KillWorker: lambda command: _kill_client(self._clients.get(command.client)),
            c.RemoveFiles: _remove_files, c.Complain: self._outputs.complain,
        }  # fmt: skip
        attach = partial(self._join, is_worker=False)
        attach(DRIVER_ID, settings["driver_pid"], driver)
        self._visitors = Visitors(settings, self._poll, self._ask, self._mint_ids, attach)

    def run(self) -> None:
        """Serve until the driver is gone, then end every process of the session."""
        # The core makes no cycles that outlive a task, and a collection over a million
        # records stops everything for a second.
        gc.disable()
        self._core.state.starting = self._settings["workers"]
        self._start_workers(c.StartWorkers(self._settings["workers"]))
        try:
            while self._round():
                pass
        except BaseException:  # the driver sees the stream end; the reason is for its terminal
            import traceback

            traceback.print_exc()
            sys.stderr.write("ray_jupyter: the scheduler failed, and with it the session\n")
        finally:
            self._end()

    def _round(self) -> bool:
        ready = self._spin() or self._sleep()
        if not ready:
            self._handle(e.Tick())
        for fd, mask in ready:
            client = self._by_fd.get(fd)
            if client is not None:
                if mask & select.POLLOUT:
                    client.peer.flush()
                    self._watch(client)
                if mask & ~select.POLLOUT and not self._receive(client):
                    return False
            elif fd == self._template.fileno():
                if not self._receive_news():
                    return False
            elif fd == self._driver_watch:
                return False
            elif not self._outputs.read(fd):
                self._visitors.serve(fd, mask)
        self._send()
        return not self._visitors.stop

    def _spin(self) -> list[tuple[int, int]]:
        """Look for a while without sleeping, if an answer is likely to come at once.

        That is so when tasks are run one at a time: the scheduler is then woken twice per
        call, and waking a sleeping core is most of a call's cost. With more than one task
        there is work to batch, and the core is better left to the workers.
        """
        if len(self._core.state.tasks) > 1 or not self._may_spin:
            return []
        return _look(self._poll)

    def _sleep(self) -> list[tuple[int, int]]:
        """Wait until something comes, or the core's deadline passes."""
        return self._poll.poll(self._outputs.timeout_ms(self._core.next_deadline_ns()))

    # In

    def _receive(self, client: _Client) -> bool:
        """Take what a client sent; return False when that was the driver's end."""
        chunk = client.peer.receive()
        if chunk is None:
            return True
        if not chunk:
            if client.id == DRIVER_ID:
                return False
            if client.is_worker:
                self._deafen(client)
                self._maybe_lost(client)
            else:
                self._forget(client, "the driver has ended", 0)
            return True
        self._take(client, chunk)
        return True

    def _take(self, client: _Client, chunk: bytes) -> None:
        for message in client.decoder.feed(chunk):
            if message[0] == m.QUERY:
                self._answer(client, *message[1:])
            elif message[0] == m.PRINTED:
                self._outputs.read_all(client.id)
            else:
                client.has_worked = True
                self._handle(EVENTS[message[0]](client.id, *message[1:]))

    def _handle(self, event: e.Event) -> None:
        for command in self._core.handle(event, time.monotonic_ns()):
            kind = MESSAGES.get(type(command))
            if kind is None:
                self._acts[type(command)](command)
                continue
            client = self._clients.get(command.client)  # type: ignore[union-attr]
            if client is not None:
                client.outgoing.append((kind, *command[1:]))
                self._unsent[client.id] = client

    def _answer(self, client: _Client, request: int, question: str, argument: Any) -> None:
        client.outgoing.append((m.REPLY, request, self._ask(question, argument)))
        self._unsent[client.id] = client

    def _ask(self, question: str, argument: Any) -> Any:
        if question == "ping":
            return None
        if question == "pids":
            workers = [k.pid for k in self._clients.values() if k.is_worker]
            return [os.getpid(), self._template_pid, *workers]
        return ANSWERS[question](self._core.state, argument)

    # Out

    def _send(self) -> None:
        self._unsent.update(self._outputs.deliver(self._clients))
        for client in self._unsent.values():
            client.peer.send(encode(client.outgoing))
            client.outgoing = []
            if client.peer.is_congested:
                self._watch(client)
        self._unsent.clear()

    def _watch(self, client: _Client) -> None:
        if client.peer.fileno() in self._by_fd:
            more = select.POLLOUT if client.peer.is_congested else 0
            self._poll.modify(client.peer.fileno(), select.POLLIN | more)

    # Processes

    def _join(
        self, client_id: int, pid: int, sock: socket.socket, words: int = -1, *, is_worker: bool
    ) -> None:
        client = _Client(client_id, pid, sock, words, is_worker=is_worker)
        self._clients[client_id] = client
        self._by_fd[client.peer.fileno()] = client
        self._poll.register(client.peer.fileno(), select.POLLIN)
        self._handle(e.ClientJoined(client_id, is_worker, pid))

    def _mint_ids(self, number: int) -> range:
        """Return ids for new clients."""
        ids = range(self._next_client, self._next_client + number)
        self._next_client += number
        return ids

    def _start_workers(self, command: c.StartWorkers) -> None:
        self._template.start(self._mint_ids(command.number))

    def _receive_news(self) -> bool:
        """Take the template's answers; return False when it is gone."""
        news = self._template.receive()
        for item in news or ():
            if isinstance(item, Started):
                self._slots[item.client % len(self._slots)] = 0
                self._join(item.client, item.pid, item.stream, item.words, is_worker=True)
                self._outputs.add(item.client, item.pid, item.pipes)
            elif isinstance(item, Exited):
                self._exits[item.pid] = item.reason
                for client in list(self._clients.values()):
                    if client.pid == item.pid and client.is_worker:
                        self._maybe_lost(client)
            else:
                sys.stderr.write(f"ray_jupyter: cannot start a worker: {item.reason}\n")
                self._handle(e.WorkerRefused())
        return news is not None

    def _maybe_lost(self, client: _Client) -> None:
        """A worker ended, says its stream or the template: believe the template.

        The end of the stream alone lacks the reason, and what was sent before it must be
        read first. The end of the process alone is not the end of the stream when a
        grandchild inherited it: what is there now is read, and then it counts as ended.
        """
        reason = self._exits.pop(client.pid, None)
        if reason is None:
            return
        self._outputs.end(client.id)
        if client.peer.fileno() in self._by_fd:
            while chunk := client.peer.receive():
                self._take(client, chunk)
        running = self._slots[client.id % len(self._slots)]
        text = f"worker process {client.pid} {reason}{lastwords.take(client.words)}"
        self._stillborn = 0 if client.has_worked or running else self._stillborn + 1
        if self._stillborn > STILLBORN_LIMIT:
            raise RuntimeError(f"workers die as soon as they start; the last one: {text}")
        self._forget(client, text, running)

    def _deafen(self, client: _Client) -> None:
        if self._by_fd.pop(client.peer.fileno(), None) is not None:
            self._poll.unregister(client.peer.fileno())

    def _forget(self, client: _Client, reason: str, running: int) -> None:
        self._deafen(client)
        del self._clients[client.id]
        self._unsent.pop(client.id, None)
        client.peer.close()
        self._handle(e.ClientLost(client.id, reason, running))

    def _end(self) -> None:
        for client in self._clients.values():
            if client.is_worker:
                _kill(client.pid)
        _kill(self._template_pid)
        os.waitpid(self._template_pid, 0)
        self._visitors.close()
        shutil.rmtree(self._settings["spill_dir"], ignore_errors=True)
        # Whatever user code started in this session's process group, and this process.
        os.killpg(os.getpgrp(), signal.SIGKILL)


def _look(poll: select.poll) -> list[tuple[int, int]]:
    """Poll without sleeping, for a while."""
    limit_ns = time.monotonic_ns() + SPIN_NS
    while True:
        ready = poll.poll(0)
        if ready or time.monotonic_ns() > limit_ns:
            return ready
        os.sched_yield()


def _remove_files(command: c.RemoveFiles) -> None:
    for path in command.paths:
        try:
            os.unlink(path)
        except FileNotFoundError:  # its writer died before it was made
            continue


def _kill_client(client: _Client | None) -> None:
    if client is not None:
        _kill(client.pid)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:  # it ended by itself, and the template has not said so yet
        return
