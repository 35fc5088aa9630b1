"""What Ray's client says when it does not reach its server."""

from __future__ import annotations

import pytest

from ray_jupyter.errors import RaySystemError
from ray_jupyter.testing import clusters

pytest.importorskip("ray", reason=clusters.MISSING)
pytest.importorskip("grpc", reason="Ray's client needs grpcio: pip install 'ray[client]'")

import grpc
import ray

from ray_jupyter.backends.ray_cluster.faults import asks
from ray_jupyter.backends.ray_cluster.shell import TaskFailure
from ray_jupyter.backends.ray_cluster.watching import Watch
from ray_jupyter.runtime.client.task_errors import dump_task_error

pytestmark = clusters.LEAKS


class Detailed(grpc.RpcError):  # type: ignore[misc]  # grpc has no types
    def details(self) -> str:
        return "closed"


class Part:
    def __init__(self, error: Exception) -> None:
        self._watch = Watch(None, "ray://there:1", is_client=True)
        self._error = error

    @asks
    def ask(self) -> None:
        raise self._error


@pytest.mark.parametrize("error", [grpc.RpcError("closed"), Detailed(), ConnectionError("closed")])
def test_while_it_still_tries(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray.util.client.ray, "is_connected", lambda: True)
    with pytest.raises(RaySystemError, match="ray://there:1 does not answer now: closed"):
        Part(error).ask()


def test_when_it_has_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([True, False])
    monkeypatch.setattr(ray.util.client.ray, "is_connected", lambda: next(answers))
    part = Part(grpc.RpcError("closed"))
    for _ in range(2):
        with pytest.raises(RaySystemError, match=r"does not answer any more .*closed"):
            part.ask()


def test_what_the_user_s_code_raises_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray.util.client.ray, "is_connected", lambda: True)
    with pytest.raises(KeyError, match="b"):
        Part(KeyError("b")).ask()


def test_a_task_s_own_connection_error_is_no_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray.util.client.ray, "is_connected", lambda: True)
    failure = TaskFailure(dump_task_error("work", "work", ConnectionError("of the task")))
    with pytest.raises(ConnectionError, match="of the task"):
        Part(ray.exceptions.RayTaskError("work", "", failure)).ask()
