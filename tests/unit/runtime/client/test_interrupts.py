"""The shield: an interrupt inside is delivered once, at the end, to whoever handles it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ray_jupyter.runtime.client.interrupts import InterruptShield


@pytest.fixture
def shield() -> Iterator[InterruptShield]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    made = InterruptShield()
    yield made
    made.uninstall()
    signal.signal(signal.SIGINT, before)


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


def test_an_interrupt_inside_comes_at_the_end(shield: InterruptShield) -> None:
    reached = []
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - the shield is under test
        with shield:
            interrupt()
            reached.append("end")
        reached.append("after")
    assert reached == ["end"]


def test_nested_blocks_wait_for_the_outermost(shield: InterruptShield) -> None:
    reached = []
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - the shield is under test
        with shield:
            with shield:
                interrupt()
            reached.append("between")
    assert reached == ["between"]


def test_two_interrupts_inside_are_one(shield: InterruptShield) -> None:
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - the shield is under test
        with shield:
            interrupt()
            interrupt()
    with shield:
        pass


def test_outside_an_interrupt_strikes_at_once(shield: InterruptShield) -> None:
    with shield:
        pass
    with pytest.raises(KeyboardInterrupt):
        interrupt()


def test_an_error_inside_is_the_context_of_the_interrupt(shield: InterruptShield) -> None:
    with pytest.raises(KeyboardInterrupt) as caught:  # noqa: PT012 - the shield is under test
        with shield:
            interrupt()
            raise ValueError("inside")
    assert isinstance(caught.value.__context__, ValueError)


def test_a_handler_set_later_is_the_one_called(shield: InterruptShield) -> None:
    calls: list[Any] = []
    with shield:
        pass
    signal.signal(signal.SIGINT, lambda *arguments: calls.append(arguments))  # as ipykernel does
    with shield:
        interrupt()
        assert calls == []
    assert len(calls) == 1
    interrupt()
    assert len(calls) == 2


@pytest.mark.parametrize("disposition", [signal.SIG_IGN, signal.SIG_DFL])
def test_without_a_python_handler_nothing_is_installed(
    shield: InterruptShield, disposition: signal.Handlers
) -> None:
    signal.signal(signal.SIGINT, disposition)
    with shield:
        assert signal.getsignal(signal.SIGINT) == disposition


def test_uninstalling_puts_the_former_handler_back(shield: InterruptShield) -> None:
    with shield:
        assert signal.getsignal(signal.SIGINT) != signal.default_int_handler
    shield.uninstall()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_uninstalling_leaves_the_handler_of_others(shield: InterruptShield) -> None:
    with shield:
        pass
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    shield.uninstall()
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN


def test_other_threads_pass_through(shield: InterruptShield) -> None:
    seen = []

    def work() -> None:
        with shield:
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(20)
    assert seen == [signal.default_int_handler]
