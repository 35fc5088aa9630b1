"""Generators of actors with an event loop: read in a thread, so that the loop goes on.

A plain generator runs in that thread. An asynchronous one runs on the loop, step by step; the
thread asks for the steps, because it is the one that may wait for the reader.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ray_jupyter.runtime.client.interrupts import Interrupted


async def aside(finish: Callable[[Any], Any], value: Any) -> Any:
    """Return ``finish(value)``, which may wait for the reader of a generator, from a thread."""
    loop = asyncio.get_running_loop()
    stepped = Stepped(value, loop) if isinstance(value, AsyncGenerator) else None
    threads = ThreadPoolExecutor(1, "ray_jupyter-generator")
    run = contextvars.copy_context().run
    call = loop.run_in_executor(threads, run, finish, value if stepped is None else stepped)
    try:
        return await (call if stepped is None else asyncio.shield(call))
    except asyncio.CancelledError:
        if stepped is not None and not call.done():
            stepped.cancel()
            await asyncio.wait([call])
            call.exception()  # it is cancelled, however it ended
        raise
    finally:
        threads.shutdown(wait=False)


class Stepped(Generator[Any, None, None]):
    """An asynchronous generator as a plain one, for another thread than that of its loop.

    Args:
        generator: what is read.
        loop: where it runs.
    """

    def __init__(
        self, generator: AsyncGenerator[Any, Any], loop: asyncio.AbstractEventLoop
    ) -> None:
        self._generator = generator
        self._loop = loop
        self._step: concurrent.futures.Future[Any] | None = None

    def send(self, value: None) -> Any:
        """Return the next item."""
        return self._take(self._generator.__anext__())

    def throw(self, error: Any, *_: Any) -> Any:
        """Raise ``error`` where it stands; a cancel is one that coroutines know."""
        if isinstance(error, Interrupted):
            error = asyncio.CancelledError()
        return self._take(self._generator.athrow(error))

    def close(self) -> None:
        """End it."""
        self._take(self._generator.aclose())

    def cancel(self) -> None:
        """End the step that the thread waits for; called on the loop."""
        if self._step is not None:
            self._step.cancel()

    def _take(self, step: Awaitable[Any]) -> Any:
        self._step = asyncio.run_coroutine_threadsafe(_awaited(step), self._loop)
        try:
            return self._step.result()
        except concurrent.futures.CancelledError:
            raise Interrupted from None
        except StopAsyncIteration:
            raise StopIteration from None


async def _awaited(step: Awaitable[Any]) -> Any:
    return await step
