"""Gymnasium's Pong behind the interface of ours: with a game of the test's, and the real one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest


class Game:
    """A screen of ground with one bright square; ends after three steps."""

    def __init__(self) -> None:
        self.moves: list[int] = []
        self.seeds: list[int | None] = []

    def reset(self, seed: int | None = None) -> tuple[Any, dict[str, Any]]:
        self.seeds.append(seed)
        self.moves.clear()
        return self.screen(), {}

    def screen(self) -> Any:
        screen = np.full((210, 160, 3), 144, np.uint8)
        screen[:34] = 0  # the score: no part of the court
        screen[34 + 4 * len(self.moves), 8] = 236
        return screen

    def step(self, move: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.moves.append(move)
        return self.screen(), 1.0 if move == 2 else -1.0, len(self.moves) == 3, False, {}


@pytest.fixture
def atari() -> Any:
    import atari

    return atari


def test_moves_rewards_and_pixels(atari: Any) -> None:
    games = atari.AtariPong(2, seed=3, make=Game)
    assert [game.seeds for game in games._games] == [[6], [7]]
    pixels = games.pixels()
    assert (pixels.shape, pixels.dtype) == ((2, atari.PIXELS), np.float32)
    assert np.flatnonzero(pixels[0]).tolist() == [2]
    assert games.step(np.array([True, False])).tolist() == [1.0, -1.0]
    assert np.flatnonzero(games.pixels()[1]).tolist() == [2 + atari.SIZE]
    assert games._games[0].moves == [atari.UP]


def test_a_game_that_ends_begins_anew(atari: Any) -> None:
    games = atari.AtariPong(1, make=Game)
    for _ in range(3):
        games.step(np.array([True]))
    assert games._games[0].seeds == [0, None]
    assert np.flatnonzero(games.pixels()[0]).tolist() == [2]


def test_the_real_one(atari: Any) -> None:
    if not atari.has_atari():
        pytest.skip("Gymnasium's Pong is not installed: pip install gymnasium ale-py")
    one, two = (atari.AtariPong(2, seed=1) for _ in range(2))
    for up in np.random.default_rng(0).random((60, 2)) < 0.5:
        assert (one.step(up) == two.step(up)).all()
    assert (one.pixels() == two.pixels()).all()
    assert 0 < one.pixels().sum() < 0.1 * one.pixels().size


def test_a_game_needs_a_court(atari: Any) -> None:
    with pytest.raises(ValueError, match="at least one court, got 0"):
        atari.AtariPong(0, make=Game)
