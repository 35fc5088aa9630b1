"""Whether the cluster is still there: Ray itself waits for it for a minute or for ever.

Lives here: a thread that knocks at the head's port, and waiting that ends when nobody answers.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import ray

from ray_jupyter.errors import RaySystemError

UNREACHED: tuple[type[BaseException], ...] = (ConnectionError,)
"""What Ray's client raises when it does not reach its server."""
with contextlib.suppress(ImportError):  # Ray needs it for its client alone
    from grpc import RpcError

    UNREACHED += (RpcError,)
T = TypeVar("T")
_EVERY_S = 1.0
_KNOCKS = 3
"""So many knocks in a row without an answer, and the cluster counts as lost."""
_SLICE_S = 1.0


class Watch:
    """Knows whether the cluster answers, and waits only as long as it does.

    Args:
        address: ``host:port`` of the head, or of the server of Ray's client; ``None`` in a
            worker, where nobody has to watch: it ends with its node.
        name: of the cluster, in messages.
        is_client: whether Ray's client is between.
    """

    def __init__(self, address: str | None, name: str = "", *, is_client: bool = False) -> None:
        self._address = address
        self._name = name
        self._is_client = is_client
        self.lost = ""
        """Why the cluster counts as lost; empty while it does not."""
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        if address is not None:
            self._thread = threading.Thread(target=self._run, name="ray_jupyter-watch", daemon=True)
            self._thread.start()

    def end(self) -> None:
        """Watch no longer."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def check(self) -> None:
        """Return if the cluster is there.

        Raises:
            RaySystemError: it is not.
        """
        if self._is_client and not self.lost and not ray.util.client.ray.is_connected():
            self.lost = f"{self._address}: Ray's client has given up"
        if self.lost:
            raise self._refusal()

    def told(self, error: BaseException) -> BaseException:
        """Return what to raise when Ray's client does not reach its server; another error as it is.

        Args:
            error: of Ray itself: what it stands for may be a ``ConnectionError`` of the user's.
        """
        if not self._is_client or not isinstance(error, UNREACHED):
            return error
        words = _words(error)
        if ray.util.client.ray.is_connected():  # it still tries
            return RaySystemError(f"the Ray cluster at {self._name} does not answer now: {words}")
        self.lost = self.lost or f"{self._address}: {words}"
        return self._refusal()

    def get(self, ref: Any, timeout_s: float | None) -> Any:
        """Return ``ray.get(ref)``."""
        if self._thread is None:
            return ray.get(ref, timeout=timeout_s)
        return self._sliced(lambda slice_s: ray.get(ref, timeout=slice_s), timeout_s)

    def wait(self, refs: Sequence[Any], count: int, timeout_s: float | None) -> list[Any]:
        """Return those of ``refs`` that are ready, at most ``count``."""
        if self._thread is None:
            ready, _ = ray.wait(list(refs), num_returns=count, timeout=timeout_s)
            return list(ready)
        found: list[Any] = []

        def look(slice_s: float) -> None:
            found[:] = ray.wait(list(refs), num_returns=count, timeout=slice_s)[0]
            if len(found) < count:
                raise ray.exceptions.GetTimeoutError

        with contextlib.suppress(ray.exceptions.GetTimeoutError):  # fewer are ready
            self._sliced(look, timeout_s)
        return found

    def wait_in_order(self, refs: Sequence[Any], count: int, timeout_s: float | None) -> list[Any]:
        """Return the first ``count`` of those of ``refs`` that are ready."""
        if count < len(refs):  # asked for some, Ray may return any of those that are ready
            ready = self.wait(refs, len(refs), 0)
            if len(ready) >= count:
                return [ref for ref in refs if ref in set(ready)][:count]
        return self.wait(refs, count, timeout_s)

    def _sliced(self, look: Callable[[float], T], timeout_s: float | None) -> T:
        """Return ``look(seconds)``, tried again as long as there is time and a cluster."""
        end = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            self.check()
            left = _SLICE_S if end is None else end - time.monotonic()
            try:
                return look(max(0.0, min(left, _SLICE_S)))
            except UNREACHED as error:
                raise self.told(error) from None
            except ray.exceptions.GetTimeoutError:
                if left <= _SLICE_S and end is not None:
                    raise

    def _run(self) -> None:
        missed = 0
        while not self._ended.wait(_EVERY_S):
            problem = knock(self._address or "")
            missed = missed + 1 if problem else 0
            if missed == _KNOCKS:
                self.lost = problem

    def _refusal(self) -> RaySystemError:
        return RaySystemError(
            f"the Ray cluster at {self._name} does not answer any more ({self.lost}): what it had "
            "is lost to this session. Connect again with shutdown() and "
            f"init(address={self._name!r}) (%ray_start --address {self._name})"
        )


def _words(error: Any) -> str:
    """Return what an error says: those of gRPC fill pages."""
    return str(error.details() if hasattr(error, "details") else error)


def knock(address: str) -> str:
    """Return why the port cannot be reached; nothing if it can."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=2.0).close()
    except OSError as problem:
        return f"{address}: {problem}"
    return ""
