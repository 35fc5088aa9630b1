"""See the work while it runs: a widget for notebooks, a picture that stays in them.

``%ray_dashboard`` shows it; ``Dashboard()`` is the widget for composing with others. Lives here:
the pure model (``model``, ``bins``, ``frames``), what feeds it (``feed``), and where it is shown
(``picture``, ``output``, ``iopub``, ``widget``, ``report``). Drawing is the front end's (``labextension/``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["Dashboard"]

if TYPE_CHECKING:
    from ray_jupyter.dashboard.widget import Dashboard
else:

    def __getattr__(name):
        """Import the widget when it is asked for; without anywidget, one that says so."""
        if name != "Dashboard":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        try:
            from ray_jupyter.dashboard.widget import Dashboard
        except ImportError as error:
            text = str(error)

            class Dashboard:
                """Stands for the widget where anywidget is not installed."""

                def __init__(self, *args, **options):
                    raise ImportError(text)

        return Dashboard
