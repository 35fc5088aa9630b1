"""Machines with little: what doctor says, and what to do about it."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from ray_jupyter.cli import machine_checks
from ray_jupyter.cli.findings import FAILURE, OK, WARNING, Finding


def assert_says(finding: Finding, outcome: str, text: str = "", advice: str = "") -> None:
    assert finding.outcome == outcome
    assert text in finding.text
    assert advice in finding.advice


def test_a_store_is_mapped_and_written() -> None:
    assert machine_checks.check_memory().outcome == OK


def test_memory_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError("no space left")

    monkeypatch.setattr("os.pwrite", refuse)
    assert_says(machine_checks.check_memory(), FAILURE, "no space left", "TMPDIR")


def test_memory_without_memfd_lies_in_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delattr("os.memfd_create", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert_says(machine_checks.check_memory(), WARNING, str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_forks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.fork")
    assert_says(machine_checks.check_processes(), FAILURE, advice="inline")


@pytest.mark.parametrize(("files", "processes", "advice"), [
    (100, 10_000, "ulimit -n"), (10_000, 10, "ulimit -u"), (10_000, 10_000, ""),
    (resource.RLIM_INFINITY, resource.RLIM_INFINITY, ""),
])  # fmt: skip
def test_limits(files: int, processes: int, advice: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {resource.RLIMIT_NOFILE: files, resource.RLIMIT_NPROC: processes}
    monkeypatch.setattr("resource.getrlimit", lambda kind: (given[kind], given[kind]))
    assert_says(machine_checks.check_limits(), WARNING if advice else OK, advice=advice)


@pytest.mark.parametrize("writable", [True, False])
def test_a_full_or_read_only_disk(
    writable: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    usage = machine_checks.shutil.disk_usage(tmp_path)._replace(free=10)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    monkeypatch.setattr("os.access", lambda *_: writable)
    finding = machine_checks.check_disk()
    assert_says(finding, WARNING, advice="spill_dir")
    assert ("cannot be written" in finding.text) != writable


def test_a_session_directory_that_others_may_enter(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert "mode 0700" in machine_checks.check_sockets().text
    folder = tmp_path / f"ray_jupyter-{os.getuid()}"
    folder.mkdir()
    folder.chmod(0o755)
    assert_says(machine_checks.check_sockets(), WARNING, str(folder), "0700")
