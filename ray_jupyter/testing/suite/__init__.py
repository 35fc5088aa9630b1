"""The parts of ``ray_jupyter.testing.backend_suite``, by subject."""

import pytest

_PARTS = """
    actor_pools actors arrays base compat2016 executors failures generators objects process_pools queues
    resources sessions state tasks
"""

# Before the parts are imported, so that their assertions explain themselves.
pytest.register_assert_rewrite(*(f"{__name__}.{part}" for part in _PARTS.split()))
