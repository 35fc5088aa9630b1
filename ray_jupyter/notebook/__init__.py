"""What happens between a notebook and the API: magics' arguments, cells, status lines."""

from typing import Any, TypeAlias

Shell: TypeAlias = Any
"""IPython's ``InteractiveShell``. Its own types change with its version, and older ones have none."""
