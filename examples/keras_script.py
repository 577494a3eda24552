"""A Keras script as it might lie around, on the JAX backend; nothing in it knows of rectifiers.

Compare activations with it:

    rectifiers compare --command 'python examples/keras_script.py --act {arm} --lr {lr} --seed {seed}' \
        --metric 'test acc: ([0-9.]+)' --arms relu,tanh,elu --lr 0.003,0.01
"""

import argparse
import os

os.environ["KERAS_BACKEND"] = "jax"

import keras
from sklearn.datasets import load_digits

parser = argparse.ArgumentParser()
parser.add_argument("--act", default="relu")
parser.add_argument("--lr", type=float, default=0.003)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=3)
options = parser.parse_args()

keras.utils.set_random_seed(options.seed)
x, y = load_digits(return_X_y=True)
x = x / 16
model = keras.Sequential(
    [
        keras.layers.Input((64,)),
        keras.layers.Dense(64, activation=options.act),
        keras.layers.Dense(32, activation=options.act),
        keras.layers.Dense(10),
    ]
)
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(optimizer=keras.optimizers.Adam(options.lr), loss=loss, metrics=["accuracy"])
model.fit(x[:1200], y[:1200], epochs=options.epochs, batch_size=64, verbose=0)
_, accuracy = model.evaluate(x[1200:], y[1200:], verbose=0)
print(f"test acc: {100 * accuracy:.3f}")
