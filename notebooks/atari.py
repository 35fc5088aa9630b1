"""Atari's Pong from Gymnasium, with the interface of ``pong.py``: for ``rl_pong.ipynb``.

Needs ``gymnasium`` and ``ale-py``, which brings the game. Its screen is cut to the court, every fourth
pixel is kept, and what is not ground is 1: the ball and the paddles.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

SIZE = 40
PIXELS = SIZE * SIZE
UP, DOWN = 2, 3
"""Gymnasium's numbers of the two moves: Atari calls them right and left."""
_COURT = (slice(34, 194, 4), slice(0, 160, 4), 0)
"""Rows and columns of the screen, and of its colours the red."""
_GROUND = 144


def has_atari() -> bool:
    """Return whether Gymnasium and its Atari games are installed, without importing them."""
    return all(importlib.util.find_spec(name) for name in ("gymnasium", "ale_py"))


def make_game() -> Any:
    """Return one game of Gymnasium's."""
    import ale_py
    import gymnasium

    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)  # no greeting in each worker
    gymnasium.register_envs(ale_py)
    return gymnasium.make("ALE/Pong-v5")


class AtariPong:
    """So many games, stepped one after the other.

    Args:
        courts: how many.
        seed: see ``reset``.
        make: makes one game.
    """

    def __init__(
        self, courts: int, seed: int = 0, make: Callable[[], Any] = make_game
    ) -> None:  # fmt: skip
        if courts < 1:
            raise ValueError(f"expected at least one court, got {courts!r}")
        self.courts = courts
        self._games = [make() for _ in range(courts)]
        self.reset(seed)

    def reset(self, seed: int) -> AtariPong:
        """Begin anew everywhere; the same seed plays the same balls."""
        self._screens = [
            game.reset(seed=self.courts * seed + number)[0]
            for number, game in enumerate(self._games)
        ]
        return self

    def step(self, up: Array) -> Array:
        """Move our paddles up where ``up`` is true, else down; return the rewards."""
        rewards = np.zeros(self.courts)
        for number, game in enumerate(self._games):
            move = UP if up[number] else DOWN
            screen, rewards[number], is_won, is_cut, _ = game.step(move)
            self._screens[number] = game.reset()[0] if is_won or is_cut else screen
        return rewards

    def pixels(self) -> Array:
        """Return (courts, PIXELS) float32: 1 where a paddle or the ball is."""
        courts = [np.asarray(screen)[_COURT] != _GROUND for screen in self._screens]
        return np.stack(courts).reshape(self.courts, PIXELS).astype(np.float32)
