"""Where random numbers come from."""

import hashlib

import torch

from rectifiers.study.seeds import Order, derive, generator, split

PURPOSES = ("weights", "order", "noise", "validation")


def test_every_purpose_of_every_trial_has_a_seed_of_its_own():
    seeds = [
        derive(phase, purpose, seed)
        for phase in ("tune", "test")
        for purpose in PURPOSES
        for seed in range(100)
    ]
    assert len(set(seeds)) == len(seeds) == 800
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_seeds_are_the_same_on_every_machine():
    assert derive("test", "weights", 0) == 5393131955953193581


def test_a_split_is_a_partition_of_its_own_for_each_seed():
    train, validation = split(100, 17, seed=0)
    assert sorted([*train.tolist(), *validation.tolist()]) == list(range(100))
    assert len(validation) == 17
    assert set(split(100, 17, seed=1)[1].tolist()) != set(validation.tolist())
    assert split(100, 17, seed=0)[1].tolist() == validation.tolist()


def test_an_order_is_a_fresh_permutation_each_epoch():
    order = Order("test", 0, 50, 3)
    drawn = [next(order).tolist() for _ in range(3)]
    assert all(sorted(epoch) == list(range(50)) for epoch in drawn)
    assert len({tuple(epoch) for epoch in drawn}) == 3
    source = generator("test", "order", 0)
    assert drawn == [torch.randperm(50, generator=source).tolist() for _ in range(3)]


def test_its_hash_is_of_all_epochs_however_many_were_used():
    whole, part = Order("test", 0, 50, 3), Order("test", 0, 50, 3)
    digest = hashlib.sha256(b"".join(next(whole).numpy().tobytes() for _ in range(3))).hexdigest()
    next(part)
    assert whole.hash() == part.hash() == part.hash() == digest
    assert Order("test", 1, 50, 3).hash() != digest
    assert Order("tune", 0, 50, 3).hash() != digest
