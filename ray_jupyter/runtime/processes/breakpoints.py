"""What ``breakpoint()`` does in a worker, which has no keyboard: says where one can stop instead."""

from __future__ import annotations

import os
import sys
from typing import Any

_HOW = """\
breakpoint() in {name}, line {line}: a worker has no keyboard, so the task goes on. To stop there:
  %ray_rerun REF                 runs the task in the notebook, once it has failed
  %ray_start --inline --restart  runs all tasks in the notebook; in a script, init(mode="inline")
  {call:29}  runs it here and now, without .remote
"""

_said: set[tuple[str, int]] = set()


def install() -> None:
    """Have it, unless the user has chosen something else (``PYTHONBREAKPOINT``)."""
    if "PYTHONBREAKPOINT" not in os.environ and sys.breakpointhook is sys.__breakpointhook__:
        sys.breakpointhook = explain


def explain(*args: Any, **kwargs: Any) -> None:
    """Print once per line where a debugger can stop; the task goes on."""
    caller = sys._getframe(1)
    place = caller.f_code.co_filename, caller.f_lineno
    if place not in _said:
        _said.add(place)
        name = caller.f_code.co_name
        sys.stderr.write(_HOW.format(name=name, call=f"{name}(...)", line=caller.f_lineno))
        sys.stderr.flush()
