"""What is made of the text that ``faulthandler`` leaves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ray_jupyter.runtime.client.task_errors import with_source
from ray_jupyter.runtime.processes import lastwords

RUNTIME = Path(lastwords.__file__).parents[1]
TOLD = f"""Fatal Python error: Segmentation fault

Thread 0x00007f01 (most recent call first):
  File "/elsewhere.py", line 9 in wait

Current thread 0x00007f02 (most recent call first):
  File "/user.py", line 3 in inner
  File "/user.py", line 7 in task
  File "{RUNTIME}/processes/executor.py", line 83 in run
  File "{lastwords._THREADS}", line 982 in run
  File "<string>", line 1 in <module>

Extension modules: numpy.core._multiarray_umath (total: 1)
"""


def told(text: str) -> int:
    file = lastwords.create()
    os.write(file, text.encode())
    return file


def test_the_lines_of_the_user_in_the_thread_it_struck() -> None:
    assert lastwords.take(told(TOLD)).splitlines() == [
        "",
        "Fatal Python error: Segmentation fault",
        "It was here (most recent call first):",
        '  File "/user.py", line 3 in inner',
        '  File "/user.py", line 7 in task',
    ]


@pytest.mark.parametrize("text", ["", "\n"])
def test_a_process_that_ended_otherwise_said_nothing(text: str) -> None:
    assert lastwords.take(told(text)) == ""


def test_a_fault_outside_of_python_has_no_lines() -> None:
    text = "Fatal Python error: Aborted\n\nCurrent thread 0x1 (most recent call first):\n"
    assert lastwords.take(told(text)) == "\nFatal Python error: Aborted"


def test_the_file_is_closed() -> None:
    file = told(TOLD)
    lastwords.take(file)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(file)


def test_source_is_shown_where_it_is_known() -> None:
    line = f'  File "{__file__}", line 1 in test'
    shown = with_source(f'died\n{line}\n  File "/nowhere.py", line 1 in f')
    assert shown.splitlines() == [
        "died",
        line,
        '    """What is made of the text that ``faulthandler`` leaves."""',
        '  File "/nowhere.py", line 1 in f',
    ]
