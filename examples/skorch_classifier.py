"""skorch, and with it everything that is used like scikit-learn: fit, then score.

Run it: python examples/skorch_classifier.py
"""

import torch
from sklearn.datasets import load_digits
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier
from torch import nn

import rectifiers


class Net(nn.Module):
    def __init__(self, activation):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(64, 64), activation(64), nn.Linear(64, 32), activation(32), nn.Linear(32, 10)
        )

    def forward(self, x):
        return self.layers(x)


def train(trial):
    x, y = load_digits(return_X_y=True)
    x, x_test, y, y_test = train_test_split(x.astype("float32"), y, test_size=500, random_state=0)
    x, x_held, y, y_held = train_test_split(x, y, test_size=300, random_state=trial.seed)
    model = make_pipeline(
        StandardScaler(),
        NeuralNetClassifier(
            Net,
            module__activation=trial.activation,
            criterion=nn.CrossEntropyLoss,
            optimizer=torch.optim.Adam,
            lr=trial.learning_rate,
            max_epochs=6,
            batch_size=64,
            train_split=None,
            device=str(trial.device),
            verbose=0,
        ),
    )
    model.fit(x, y)
    said, held = model.predict(x_test), model.predict(x_held)
    return {
        "f1": f1_score(y_test, said, average="macro"),
        "validation": f1_score(y_held, held, average="macro"),
    }


if __name__ == "__main__":
    print(
        rectifiers.compare(
            train=train,
            arms="relu,tanh",
            metric="f1",
            learning_rates=[3e-3, 1e-2],
            max_seeds=3,
            tuning_seeds=1,
        )
    )
