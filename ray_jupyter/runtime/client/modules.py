"""Which modules are the user's own: files that are edited while the session runs.

Those of Python, of this package and of what is installed are not. A folder that is installed so that
it can be edited (``pip install -e``) is the user's.
"""

from __future__ import annotations

import os
from pathlib import Path

_INSTALLED = ("site-packages", "dist-packages")
_NOT_HERS = (os.path.dirname(os.__file__) + os.sep, str(Path(__file__).parents[2]) + os.sep)


def is_of_user(file: object) -> bool:
    """Return whether a source file is the user's own."""
    if not isinstance(file, str) or not file.endswith(".py"):
        return False
    return not file.startswith(_NOT_HERS) and not any(
        folder in file.split(os.sep) for folder in _INSTALLED
    )
