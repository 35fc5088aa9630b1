"""The process that workers are forked from: one thread, everything imported once.

Forking takes 2 ms where starting Python with numpy takes 175 ms, and the forked pages are
shared. It does nothing else, so that it is always in a state worth copying.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import socket
from typing import Any

from ray_jupyter.runtime.processes import lastwords
from ray_jupyter.runtime.processes.lifeline import describe_exit, die_with_parent, name_process
from ray_jupyter.runtime.protocol.output import STDERR, STDOUT

STARTED, EXITED, REFUSED = "started", "exited", "refused"


def run(control: socket.socket, slots: memoryview, settings: dict[str, Any]) -> None:
    """Fork workers on request until the scheduler is gone.

    A request is a JSON client id per line. Answers are JSON lines: ``[STARTED, client, pid]``
    with the worker's stream, the pipes of its standard output and error, and the file of its
    last words as passed descriptors, ``[EXITED, pid, reason]``, or ``[REFUSED, client,
    reason]``.
    """
    _preload(settings["preload"])
    from ray_jupyter.runtime.processes import worker

    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    # What exists now is copied into every worker and never garbage: do not scan it, do not
    # unshare its pages.
    gc.collect()
    gc.freeze()
    poll = select.poll()
    poll.register(control, select.POLLIN)
    poll.register(wake_read, select.POLLIN)
    unread = b""
    while True:
        for fd, _ in poll.poll():
            if fd == wake_read:
                os.read(wake_read, 512)
                _report_exits(control)
                continue
            try:
                requests = control.recv(4096)
            except ConnectionResetError:
                requests = b""
            if not requests:
                return
            *lines, unread = (unread + requests).split(b"\n")
            for line in lines:
                client = json.loads(line)
                parent = os.getpid()
                stream = _fork(control, client)
                if stream is not None:  # this is the worker now
                    for unused in (wake_read, wake_write):
                        os.close(unused)
                    control.close()
                    die_with_parent(parent)
                    name_process(f"rj-worker-{client}")
                    worker.run(stream, client, slots, settings)


def _preload(names: list[str]) -> None:
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError:  # a convenience only: the task that needs it will say so
            continue


def _fork(control: socket.socket, client: int) -> socket.socket | None:
    """Fork a worker: return its stream in the child, ``None`` in the template."""
    fds: list[int] = []  # stream, standard output, standard error: ours, theirs of each
    words = -1
    try:
        fds += [end.detach() for end in socket.socketpair()]
        fds += os.pipe()
        fds += os.pipe()
        words = lastwords.create()
        pid = os.fork()
    except OSError as error:
        for fd in (*fds, words):
            if fd >= 0:
                os.close(fd)
        _send(control, [REFUSED, client, str(error)], [])
        return None
    ours, theirs = fds[0::2], fds[1::2]
    if pid:
        _send(control, [STARTED, client, pid], [*ours, words])
        for fd in (*fds, words):
            os.close(fd)
        return None
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for fd, stream in zip(theirs[1:], (STDOUT, STDERR), strict=True):
        os.dup2(fd, stream)
        os.close(fd)
    for fd in ours:
        os.close(fd)
    lastwords.record(words)
    return socket.socket(fileno=theirs[0])


def _report_exits(control: socket.socket) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        _send(control, [EXITED, pid, describe_exit(status)], [])


def _send(control: socket.socket, answer: list[Any], fds: list[int]) -> None:
    line = json.dumps(answer).encode() + b"\n"
    if fds:
        socket.send_fds(control, [line], fds)
    else:
        control.sendall(line)
