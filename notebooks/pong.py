"""Pong on numpy arrays, many courts at once: the environment of ``rl_pong.ipynb``.

A court is a square of pixels. The ball flies from side to side and bounces off the walls; our
paddle is in the last column, the other player in the first. Who misses loses the point, and the
other one gets it: the reward is +1 or -1 then, and 0 in all other steps. After each point the
court starts anew, so a game never ends.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

SIZE = 14
PADDLE = 4
PIXELS = SIZE * SIZE
OTHER_FOLLOWS = 0.5
"""How often the other player moves after the ball: always would make it unbeatable."""


class Pong:
    """So many courts, stepped together.

    Attributes:
        courts: how many.
        ball: (courts, 2) row and column.
        flight: (courts, 2) rows and columns per step.
        ours: (courts,) the top row of our paddle.
        theirs: (courts,) the top row of the other one.
    """

    def __init__(self, courts: int, seed: int = 0) -> None:
        if courts < 1:
            raise ValueError(f"expected at least one court, got {courts!r}")
        self.courts = courts
        self.reset(seed)

    def reset(self, seed: int) -> Pong:
        """Begin anew everywhere; the same seed plays the same balls."""
        self.rng = np.random.default_rng(seed)
        self.ball = np.zeros((self.courts, 2), int)
        self.flight = np.zeros((self.courts, 2), int)
        self.ours = np.zeros(self.courts, int)
        self.theirs = np.zeros(self.courts, int)
        self._serve(np.ones(self.courts, bool))
        return self

    def step(self, up: Array) -> Array:
        """Move our paddles up where ``up`` is true, else down; return the rewards."""
        self.ours += np.where(up, -1, 1)
        middle = self.theirs + PADDLE // 2
        follows = self.rng.random(self.courts) < OTHER_FOLLOWS
        self.theirs += np.sign(self.ball[:, 0] - middle) * follows
        for paddle in (self.ours, self.theirs):
            np.clip(paddle, 0, SIZE - PADDLE, out=paddle)

        self.ball += self.flight
        row = self.ball[:, 0]
        self.flight[(row <= 0) | (row >= SIZE - 1), 0] *= -1
        np.clip(row, 0, SIZE - 1, out=row)

        rewards = np.zeros(self.courts)
        for column, paddle, reward in ((SIZE - 1, self.ours, -1.0), (0, self.theirs, 1.0)):
            there = self.ball[:, 1] == column
            hit = there & (row >= paddle) & (row < paddle + PADDLE)
            self.flight[hit, 1] *= -1
            # Where the ball meets the paddle decides how steeply it leaves.
            self.flight[hit, 0] = np.sign(row[hit] - paddle[hit] - (PADDLE - 1) / 2)
            rewards[there & ~hit] = reward
        self._serve(rewards != 0)
        return rewards

    def pixels(self) -> Array:
        """Return (courts, PIXELS) float32: 1 where a paddle or the ball is."""
        screen = np.zeros((self.courts, SIZE, SIZE), np.float32)
        court = np.arange(self.courts)
        for row in range(PADDLE):
            screen[court, self.ours + row, SIZE - 1] = 1
            screen[court, self.theirs + row, 0] = 1
        screen[court, self.ball[:, 0], self.ball[:, 1]] = 1
        return screen.reshape(self.courts, PIXELS)

    def _serve(self, where: Array) -> None:
        count = int(where.sum())
        start = np.column_stack([self.rng.integers(2, SIZE - 2, count), np.full(count, SIZE // 2)])
        self.ball[where] = start
        self.flight[where] = self.rng.choice([-1, 1], (count, 2))
        self.ours[where] = self.theirs[where] = (SIZE - PADDLE) // 2


def picture(screen: Array) -> str:
    """Return one court as text."""
    rows = screen.reshape(SIZE, SIZE)
    return "\n".join("".join("#" if pixel else "." for pixel in row) for row in rows)
