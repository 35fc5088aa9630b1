"""``%ray_dashboard`` and ``%ray_report``.

Lives here: options. Does not: what is shown (``ray_jupyter.dashboard``).
"""

from __future__ import annotations

from pathlib import Path

from IPython.core.error import UsageError
from IPython.core.magic import line_magic, magics_class, no_var_expand

from ray_jupyter import session
from ray_jupyter.dashboard.live import Live
from ray_jupyter.dashboard.output import VIEWS
from ray_jupyter.dashboard.report import write_report
from ray_jupyter.notebook.arguments import MagicParser, explained_by
from ray_jupyter.notebook.extension import Extension, MagicGroup
from ray_jupyter.options import did_you_mean
from ray_jupyter.status import counted


def _report_parser() -> MagicParser:
    parser = MagicParser("%ray_report")
    parser.add_argument("file", metavar="FILE", help="where to write it, such as run.html")
    return parser


def _dashboard_parser() -> MagicParser:
    parser = MagicParser("%ray_dashboard")
    add = parser.add_argument
    add("view", nargs="?", metavar="VIEW", help=f"what is shown first: {', '.join(VIEWS)}")
    add("--close", action="store_true", help="no dashboard is live any more; pictures stay")
    return parser


_DASHBOARD = _dashboard_parser()
_REPORT = _report_parser()


@magics_class
class DashboardMagics(MagicGroup):
    """The dashboard from the notebook."""

    parsers = (_DASHBOARD, _REPORT)

    def __init__(self, extension: Extension) -> None:
        super().__init__(extension)
        self.live = Live(extension.shell)
        self.live.open()

    @explained_by(_DASHBOARD)
    @no_var_expand
    @line_magic
    def ray_dashboard(self, line: str) -> None:
        """Show the work while it runs: functions, workers, tasks, objects, logs.

        The output stays live in JupyterLab and Notebook 7, and a picture of it stays in the
        saved notebook.
        """
        __tracebackhide__ = True
        options = _DASHBOARD.parse_line(line)
        if options.close:
            if options.view is not None:
                raise UsageError("%ray_dashboard: --close closes all; leave the view out")
            count = self.live.put_away()
            print(f"{counted(count, 'dashboard')} closed" if count else "no dashboard is open")
            return
        view = options.view or ""
        if view and view not in VIEWS:
            raise UsageError(
                f"%ray_dashboard: there is no view {view!r}{did_you_mean(view, VIEWS)}; "
                f"views are {', '.join(VIEWS)}"
            )
        self.live.show(view)

    @explained_by(_REPORT)
    @no_var_expand
    @line_magic
    def ray_report(self, line: str) -> None:
        """Write the session so far as one HTML file that works without a network."""
        __tracebackhide__ = True
        path = Path(_REPORT.parse_line(line).file).expanduser()
        if session.current is None and self.live.feed.model is None:
            raise UsageError("%ray_report: no session has run yet; there is nothing to report")
        try:
            size_bytes = write_report(path, self.live.feed)
        except OSError as error:
            raise UsageError(f"%ray_report: the file cannot be written: {error}") from None
        print(f"{path} · {size_bytes / 1e6:.1f} MB")

    def before_cell(self) -> None:
        """Tell the feed which cell runs."""
        self.live.begin_cell(self.extension.cells.current)

    def after_cell(self) -> None:
        """Tell it that none does; what is saved shows what this cell did."""
        self.live.end_cell()

    def detach(self) -> None:
        """End the feed; what it has displayed stays."""
        self.live.close()
