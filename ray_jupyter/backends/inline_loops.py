"""Runs what ``async def`` methods return where they are called, on event loops of its own.

Also where another event loop runs already: a notebook's, say.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Generator
from typing import Any


def run(value: Any) -> Any:
    """Return what a coroutine returns, a plain generator for an asynchronous one, or the value."""
    if isinstance(value, AsyncGenerator):
        return _steps(value)
    return _run(value) if isinstance(value, Awaitable) else value


def _run(awaitable: Awaitable[Any], loop: Any = None) -> Any:
    import asyncio

    async def wait() -> Any:
        return await awaitable

    outer = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    try:
        return asyncio.run(wait()) if loop is None else loop.run_until_complete(wait())
    finally:
        asyncio._set_running_loop(outer)


def _steps(generator: AsyncGenerator[Any, Any]) -> Generator[Any, None, None]:
    import asyncio

    loop = asyncio.new_event_loop()
    try:
        while True:
            try:
                item = _run(generator.__anext__(), loop)
            except StopAsyncIteration:
                return
            try:
                yield item
            except BaseException as ending:  # it is cancelled, or nobody reads it any more
                try:
                    _run(generator.athrow(asyncio.CancelledError()), loop)
                except (asyncio.CancelledError, StopAsyncIteration):
                    raise ending from None
                raise
    finally:
        loop.close()
