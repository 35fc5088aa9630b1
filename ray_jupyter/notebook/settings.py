"""What ``%config RayMagics`` shows and sets."""

from __future__ import annotations

import os

from traitlets import Bool, Enum, Integer
from traitlets.config import Configurable

QUIET = "RAY_JUPYTER_QUIET"
"""Environment variable: not empty, and ``strip`` is "final" by default."""


class RayMagics(Configurable):
    """Parallel Python from the notebook. Settings: ``%config RayMagics``."""

    autostart = Bool(True, help="Start the runtime with defaults at the first %%remote.").tag(
        config=True
    )
    strip = Enum(
        ("live", "final", "off"),
        help=f"Show progress below cells whose tasks take longer, or only how they ended, or "
        f"neither. The default is live, and final where {QUIET} is set.",
    ).tag(config=True)
    output_chars = Integer(
        200_000, help="So much of what the tasks of one cell print is shown; %ray_logs has more."
    ).tag(config=True)
    out_refs = Integer(
        10, min=0, help="The newest results of cells that are refs keep their values alive; older ones "
        "only if they have a name.",
    ).tag(config=True)  # fmt: skip

    def _strip_default(self) -> str:
        return "final" if os.environ.get(QUIET) else "live"
