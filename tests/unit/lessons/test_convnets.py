"""The networks of ``alexnet.ipynb``: their gradients, and that they learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest


@pytest.fixture
def convnets() -> Any:
    import convnets

    return convnets


def batch(size: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(12, size, size, 3)).astype(np.float32), np.arange(12) % 3


def test_the_small_network_has_the_right_gradient(convnets: Any) -> None:
    network = convnets.Small(8, 3, channels=4)
    images, labels = batch(8)
    images = images.astype(np.float64)
    weights = {name: w.astype(np.float64) for name, w in network.new_weights(1).items()}
    _, slopes = network.gradients(weights, images, labels)
    rng = np.random.default_rng(2)
    for name, weight in weights.items():
        for _ in range(4):
            place = tuple(rng.integers(weight.shape))
            losses = []
            for step in (1e-6, -1e-6):
                moved = {**weights, name: weight.copy()}
                moved[name][place] += step
                losses.append(network.gradients(moved, images, labels)[0])
            assert np.isclose((losses[0] - losses[1]) / 2e-6, slopes[name][place], atol=1e-6)


def test_sizes_that_do_not_fit(convnets: Any) -> None:
    with pytest.raises(ValueError, match="expected an even size, got 7"):
        convnets.Small(7, 3)
    with pytest.raises(ValueError, match="that 32 divides, got 40"):
        convnets.AlexNet(40, 3)


def test_alexnet_has_the_right_gradient(convnets: Any) -> None:
    pytest.importorskip("torch", reason="AlexNet is in PyTorch, which is not installed")
    network = convnets.AlexNet(32, 3, width=0.1)
    images, labels = batch(32)
    weights = network.new_weights(0)
    _, slopes = network.gradients(weights, images, labels)
    assert slopes.keys() == weights.keys()
    bias = max((name for name in weights if weights[name].ndim == 1), key=lambda n: int(n[:-5]))
    losses = []
    for step in (1e-2, -1e-2):
        moved = {**weights, bias: weights[bias].copy()}
        moved[bias][0] += step
        losses.append(network.gradients(moved, images, labels)[0])
    assert np.isclose((losses[0] - losses[1]) / 2e-2, slopes[bias][0], atol=1e-3)
    assert network.classes(weights, images).shape == labels.shape


def test_a_few_steps_learn_a_batch_by_heart(convnets: Any) -> None:
    network = convnets.Small(32, 3)
    images, labels = batch(32)
    weights = network.new_weights(0)
    losses = []
    for _ in range(60):
        loss, slopes = network.gradients(weights, images, labels)
        weights = {name: w - np.float32(0.02) * slopes[name] for name, w in weights.items()}
        losses.append(loss)
    assert losses[-1] < losses[0] / 2
    assert network.classes(weights, images).tolist() == labels.tolist()
