"""xor is solved from every seed: the protocol, the rates and the initialisation hold together."""


def test_leaky_relu_solves_xor_from_every_one_of_20_seeds(prepare, conduct):
    words = {"arms": "leaky_relu,leaky_relu(1/5.5)", "seeds": 20, "epochs": 40, "width": None}
    study = conduct(prepare(**words, learning_rate=0.3))
    for arm in ("leaky_relu", "leaky_relu(1/5.5)"):
        assert [run.metric for run in study.of("test", arm)] == [100.0] * 20
