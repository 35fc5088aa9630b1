"""The process a driver starts: forks the template, then becomes the scheduler.

It is started with ``exec`` in its own session: a notebook kernel has threads and cannot
be forked, and a terminal's Ctrl-C is for the driver alone. It inherits one stream and the
segment. Others of the same user reach it by its door (``transport.door``); there is no port.
"""

from __future__ import annotations

import json
import mmap
import os
import signal
import socket
import sys
from typing import Any

from ray_jupyter.runtime.processes import template
from ray_jupyter.runtime.processes.lifeline import die_with_parent, name_process

SLOTS = 8192
"""Workers announce the task they run in a shared page: slot ``client id % SLOTS``."""

_BOOT = (
    "import sys, json; settings = json.loads(sys.argv[1]); sys.path[:] = settings['path']; "
    "from ray_jupyter.runtime.processes.node import main; main(settings)"
)


def command(settings: dict[str, Any]) -> list[str]:
    """Return the command line of a node process for ``settings`` (see ``main``)."""
    return [sys.executable, "-c", _BOOT, json.dumps(settings)]


def main(settings: dict[str, Any]) -> None:
    """Run the node until its driver ends.

    Args:
        settings: ``driver_fd`` and ``segment_fd`` (inherited), ``segment_bytes``,
            ``store_limit_bytes``, ``inline_max_bytes``, ``session_id``, ``spill_dir``,
            ``total`` (resource units by name), ``gpus`` (their names), ``workers``, ``path``
            (``sys.path``), ``namespace`` (of actors' names), ``preload`` (modules),
            ``log_to_driver`` (whether what tasks print goes to the drivers), ``connect``
            ("module:function" that a worker calls with its client, to make the API work inside
            tasks), ``prepare`` (of the same form: called in every worker), ``door_fd`` (inherited,
            may be ``None``) and ``door_path``, ``facts`` (what visitors are told).
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    driver = socket.socket(fileno=settings["driver_fd"])
    slots = memoryview(mmap.mmap(-1, 8 * SLOTS)).cast("q")
    control, theirs = socket.socketpair()
    node_pid = os.getpid()
    pid = os.fork()
    if not pid:
        control.close()
        driver.close()
        if settings["door_fd"] is not None:
            os.close(settings["door_fd"])
        die_with_parent(node_pid)
        name_process("rj-template")
        template.run(theirs, slots, settings)
        os._exit(0)
    theirs.close()
    name_process("rj-scheduler")
    from ray_jupyter.runtime.processes.scheduler import SchedulerProcess

    SchedulerProcess(driver, control, pid, slots, settings).run()
