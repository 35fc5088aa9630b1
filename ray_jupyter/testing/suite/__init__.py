"""The parts of ``ray_jupyter.testing.backend_suite``, by subject."""

import pytest

# Before the parts are imported, so that their assertions explain themselves.
pytest.register_assert_rewrite(
    *(
        f"{__name__}.{part}"
        for part in ("actors", "base", "failures", "objects", "resources", "sessions", "tasks")
    )
)
