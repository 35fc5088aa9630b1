"""What ``%config RayMagics`` shows and sets."""

from __future__ import annotations

from traitlets import Bool
from traitlets.config import Configurable


class RayMagics(Configurable):
    """Parallel Python from the notebook. Settings: ``%config RayMagics``."""

    autostart = Bool(True, help="Start the runtime with defaults at the first %%remote.").tag(
        config=True
    )
