"""Without anywidget everything imports, and the widget says what it needs."""

from __future__ import annotations

import sys

import pytest

from ray_jupyter import dashboard


def test_it_fails_when_it_is_made_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "ray_jupyter.dashboard.widget", raising=False)
    widget = dashboard.Dashboard
    with pytest.raises(ImportError, match="pip install anywidget"):
        widget()
