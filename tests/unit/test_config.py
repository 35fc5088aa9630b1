"""Settings: argument, environment, machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from ray_jupyter import config
from ray_jupyter.config import available_cpus, available_memory_bytes, make_config, parse_size


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, _ in config._SETTINGS.values():
        monkeypatch.delenv(variable, raising=False)


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("512MB", 512_000_000), ("2 GiB", 2 * 1024**3), ("1.5g", 1_500_000_000), ("7", 7),
        ("10 kb", 10_000), ("1KiB", 1024), (" 3 b ", 3), (4096, 4096), (1e6, 1_000_000),
        ("1T", 10**12),
    ],
)  # fmt: skip
def test_parse_size(text: str | float, size_bytes: int) -> None:
    assert parse_size(text) == size_bytes


@pytest.mark.parametrize("text", ["", "MB", "1 XB", "-1", "1 2", "1e3", True])
def test_parse_size_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="512MB"):
        parse_size(text)


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (7_800_000_000, "7.8 GB")],
)
def test_format_size(size_bytes: int, text: str) -> None:
    assert config.format_size(size_bytes) == text


def test_defaults_are_of_this_machine() -> None:
    settled = make_config()
    assert settled.num_cpus == available_cpus() >= 1
    assert settled.object_store_memory_bytes == int(available_memory_bytes() * 0.3)
    assert (settled.mode, settled.spill_dir, settled.start_timeout_s) == ("local", None, 30.0)


def test_argument_before_environment_before_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_JUPYTER_NUM_CPUS", "3")
    monkeypatch.setenv("RAY_JUPYTER_OBJECT_STORE_MEMORY", "1 GB")
    monkeypatch.setenv("RAY_JUPYTER_SPILL_DIR", "/somewhere")
    settled = make_config(num_cpus=5)
    assert settled.num_cpus == 5
    assert settled.object_store_memory_bytes == 10**9
    assert settled.spill_dir == "/somewhere"
    assert make_config(num_cpus=None).num_cpus == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num_cpus", 0), ("num_cpus", 1.5), ("num_cpus", "two"), ("num_cpus", True),
        ("num_gpus", -1), ("num_gpus", float("inf")), ("mode", "cluster"), ("resources", [1]),
        ("resources", {1: 2}), ("resources", {"CPU": 1}), ("resources", {"disk": -1}), ("spill_dir", 5),
        ("object_store_memory_bytes", "many"), ("object_store_memory_bytes", 0),
        ("log_to_driver", "maybe"), ("inline_max_bytes", -1), ("start_timeout_s", None.__class__),
    ],
)  # fmt: skip
def test_bad_values_are_named(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name):
        make_config(**{name: value})


def test_bad_environment_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_JUPYTER_NUM_CPUS", "lots")
    with pytest.raises(ValueError, match=r"RAY_JUPYTER_NUM_CPUS .*'lots'"):
        make_config()


def test_config_is_frozen_and_unknown_fields_are_refused() -> None:
    with pytest.raises(AttributeError):
        make_config().num_cpus = 3  # type: ignore[misc]
    with pytest.raises(TypeError, match="num_cpu"):
        make_config(num_cpu=3)


def test_totals() -> None:
    settled = make_config(num_cpus=2, num_gpus=1, memory_bytes=100, resources={"disk": 2})
    assert settled.totals() == {"CPU": 2.0, "GPU": 1.0, "memory": 100.0, "disk": 2.0}


@pytest.mark.parametrize(("limit", "cpus"), [("50000 100000", 1), ("max 100000", None)])
def test_cpu_quota_of_the_cgroup(tmp_path: Path, limit: str, cpus: int | None) -> None:
    (tmp_path / "cpu.max").write_text(limit + "\n")
    assert available_cpus(tmp_path) == (cpus or available_cpus(tmp_path / "none"))


def test_memory_limit_of_the_cgroup(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("123456\n")
    assert available_memory_bytes(tmp_path) == 123456
    (tmp_path / "memory.max").write_text("max\n")
    assert available_memory_bytes(tmp_path) > 123456


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (None, None), ("", []), ("-1", []), ("NoDevFiles", []), ("0,1", ["0", "1"]),
        (" 3 , 5", ["3", "5"]), ("2,-1,3", ["2"]), ("GPU-8f3,GPU-9a", ["GPU-8f3", "GPU-9a"]),
    ],
)  # fmt: skip
def test_visible_gpus(
    monkeypatch: pytest.MonkeyPatch, text: str | None, names: list[str] | None
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if text is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", text)
    assert config.visible_gpus() == names


@pytest.mark.parametrize("place", ["proc/driver/nvidia/gpus/0000:01:00.{}", "dev/nvidia{}"])
def test_gpus_are_found_in_the_file_system(tmp_path: Path, place: str) -> None:
    assert config.available_gpus(None, tmp_path) == 0
    for number in range(3):
        path = tmp_path / place.format(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (path.parent / "nvidiactl").touch() if "dev" in place else None
    assert config.available_gpus(None, tmp_path) == 3
    assert config.available_gpus(["0", "2"], tmp_path) == 2


def test_gpus_have_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    assert make_config(num_gpus=1).gpus == ("4",)
    assert make_config(num_gpus=1.5).gpus == ("4", "6")
    with pytest.raises(ValueError, match=r"num_gpus=3.*names 2: \['4', '6'\]"):
        make_config(num_gpus=3)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert make_config(num_gpus=3).gpus == ("0", "1", "2")
