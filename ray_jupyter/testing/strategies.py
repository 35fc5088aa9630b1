"""Hypothesis strategies for what the runtime speaks about."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st

from ray_jupyter.runtime.protocol.messages import STREAMING, TASK
from ray_jupyter.testing.programs import SHAPES, random_plan

shapes = st.sampled_from(sorted(set(SHAPES)))
"""Resource demands that two CPUs can meet."""

definitions = st.builds(
    lambda shape, num_returns, retries, limit: (
        TASK, "task", b"", (), shape, num_returns if limit is None else 1, retries, "",
        () if limit is None else ((STREAMING, limit),),
    ),
    shapes, st.integers(0, 3), st.integers(0, 2), st.sampled_from((None, None, 0, 1)),
)  # fmt: skip
"""Templates of tasks; some of them yield."""

plans = st.builds(random_plan, st.randoms(use_true_random=False), depth=st.integers(0, 2))
"""Programs of tasks; see ``programs``."""

plain_data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.binary(max_size=40) | st.text(max_size=20)
    | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=4) | st.lists(inner, max_size=4).map(tuple),
    max_leaves=12,
)  # fmt: skip
"""What a field of a message may hold."""

messages = st.lists(
    st.builds(lambda kind, fields: (kind, *fields), st.integers(0, 45), st.lists(plain_data)),
    max_size=5,
)
"""One frame's messages."""


def conversations(examples: int, steps: int) -> settings:
    """Settings of a state machine: so many examples by default, more or fewer if the profile says so.

    Args:
        examples: how many for a profile that has 100, as ``ci`` has.
        steps: at most so many rules an example.

    Returns:
        What ``TestCase.settings`` may be.
    """
    profile = settings.get_profile(settings.get_current_profile_name())
    return settings(
        max_examples=max(1, examples * profile.max_examples // 100),
        stateful_step_count=steps,
        deadline=None,
    )
