"""``python -m ray_jupyter``: the command line (see ``ray_jupyter.cli``)."""

from __future__ import annotations

import sys

from ray_jupyter.cli import main

if __name__ == "__main__":
    sys.exit(main())
