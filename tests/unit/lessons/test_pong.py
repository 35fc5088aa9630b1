"""The game of ``rl_pong.ipynb``: its rules, and that it can be repeated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest


@pytest.fixture
def pong() -> Any:
    import pong

    return pong


def test_the_same_seed_plays_the_same_game(pong: Any) -> None:
    one, two = pong.Pong(5, seed=3), pong.Pong(5, seed=4).reset(3)
    moves = np.random.default_rng(0).random((40, 5)) < 0.5
    for up in moves:
        assert (one.step(up) == two.step(up)).all()
        assert (one.pixels() == two.pixels()).all()


def test_a_screen_has_two_paddles_and_a_ball(pong: Any) -> None:
    screen = pong.Pong(3).pixels()
    assert screen.shape == (3, pong.PIXELS)
    assert set(np.unique(screen)) == {0.0, 1.0}
    assert (screen.sum(axis=1) == 2 * pong.PADDLE + 1).all()
    assert pong.picture(screen[0]).count("#") == 2 * pong.PADDLE + 1


def test_nothing_leaves_the_court(pong: Any) -> None:
    game = pong.Pong(20)
    up = np.random.default_rng(1).random((300, 20)) < 0.5
    for moves in up:
        game.step(moves)
        assert ((game.ball >= 0) & (game.ball < pong.SIZE)).all()
        assert ((game.ours >= 0) & (game.ours <= pong.SIZE - pong.PADDLE)).all()


def test_who_misses_loses_the_point_and_the_court_starts_anew(pong: Any) -> None:
    game = pong.Pong(2)
    game.ball[:] = [[0, pong.SIZE - 2], [pong.SIZE - 1, 1]]
    game.flight[:] = [[0, 1], [0, -1]]
    game.ours[:] = pong.SIZE - pong.PADDLE
    game.theirs[:] = 0
    assert game.step(np.array([False, False])).tolist() == [-1.0, 1.0]
    assert (game.ball[:, 1] == pong.SIZE // 2).all()


def test_a_paddle_that_follows_the_ball_never_loses(pong: Any) -> None:
    game = pong.Pong(10)
    rewards = [game.step(game.ours + pong.PADDLE // 2 > game.ball[:, 0]) for _ in range(500)]
    assert np.min(rewards) == 0.0
    assert np.max(rewards) == 1.0


def test_a_game_needs_a_court(pong: Any) -> None:
    with pytest.raises(ValueError, match="at least one court, got 0"):
        pong.Pong(0)
