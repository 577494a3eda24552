"""XOR in NumPy, once with a wrong derivative of leaky ReLU and once with the right one.

The wrong one, as often written, decides for the whole array at once: XOR is missed from every fourth seed and
solved from the others, so that nobody looks for a fault. `rectifiers.check` names it.
"""

import numpy as np

import rectifiers
from rectifiers import reference

SLOPE = 0.1
X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
TARGETS = np.array([[0.0], [1.0], [1.0], [0.0]])


def leaky_relu(x):
    return reference.leaky_relu.f(x, SLOPE)


def wrong(x):
    return 1.0 if np.all(x > 0) else SLOPE  # one number for the whole array


def right(x):
    return reference.leaky_relu.df(x, SLOPE)


def train(derivative, seed, hidden=4, steps=2000, rate=1.0):
    """Two layers, a sigmoid at the output and its cross entropy; return whether all four points are right."""
    random = np.random.default_rng(seed)
    w1, b1 = random.normal(0, 1, (2, hidden)), np.zeros(hidden)
    w2, b2 = random.normal(0, hidden**-0.5, (hidden, 1)), np.zeros(1)
    for _ in range(steps):
        z = X @ w1 + b1
        h = leaky_relu(z)
        answer = reference.sigmoid.f(h @ w2 + b2)
        error = (answer - TARGETS) / len(X)  # of the cross entropy by the output's pre-activation
        back = error @ w2.T * derivative(z)
        w2, b2 = w2 - rate * h.T @ error, b2 - rate * error.sum(0)
        w1, b1 = w1 - rate * X.T @ back, b1 - rate * back.sum(0)
    return bool(np.all((answer > 0.5) == (TARGETS > 0.5)))


if __name__ == "__main__":
    for derivative in (wrong, right):
        solved = sum(train(derivative, seed) for seed in range(20))
        print(f"with the {derivative.__name__} derivative XOR is solved from {solved} of 20 seeds")
        print(rectifiers.check(leaky_relu, derivative), "\n")
