"""xor is solved from every seed: the protocol, the rates and the initialisation hold together."""

import pytest


@pytest.mark.parametrize("arm", ["leaky_relu", "leaky_relu(1/5.5)"])
def test_leaky_relu_solves_xor_from_every_one_of_20_seeds(prepare, conduct, arm):
    prepared = prepare(arms=f"{arm},tanh", seeds=20, epochs=60, width=None, learning_rate=0.3)
    study = conduct(prepared)
    assert [run.metric for run in study.of("test", arm)] == [100.0] * 20
