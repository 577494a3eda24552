"""A training loop in plain PyTorch: augmentation in a DataLoader, warm-up, mixed precision, early stopping.

Run it: python examples/plain_torch.py
"""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset

import rectifiers

EPOCHS, PATIENCE, WARM_UP = 8, 2, 10  # epochs, epochs, steps


class Shifted(Dataset):
    """Digits that are moved by up to a pixel, anew every time they are read."""

    def __init__(self, x, y):
        self.x, self.y = x, y

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        down, right = torch.randint(-1, 2, (2,)).tolist()
        return torch.roll(self.x[i], (down, right), (1, 2)), self.y[i]


def digits():
    x, y = load_digits(return_X_y=True)
    x, y = torch.tensor(x, dtype=torch.float32).view(-1, 1, 8, 8) / 16, torch.tensor(y)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    return [(x[part], y[part]) for part in (order[:600], order[600:900], order[900:])]


def build(activation):
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), activation(16), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), activation(32), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(32, 10),
    )  # fmt: skip


def right(model, x, y):
    model.eval()
    with torch.no_grad():
        return (model(x).argmax(1) == y).float()


def train(trial):
    train_set, validation, test = digits()
    model = build(trial.activation).to(trial.device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=trial.learning_rate)
    warm_up = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / WARM_UP))
    loader = DataLoader(Shifted(*train_set), batch_size=64, shuffle=True)
    best, since, kept = 0.0, 0, model.state_dict()
    for epoch in range(EPOCHS):
        model.train()
        total = 0.0
        for x, y in loader:
            with torch.autocast(trial.device.type, dtype=torch.bfloat16):
                loss = nn.functional.cross_entropy(model(x.to(trial.device)), y.to(trial.device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            warm_up.step()
            total += loss.item()
        trial.report(epoch, loss=total / len(loader))
        score = right(model, *validation).mean().item()
        since = 0 if score > best else since + 1
        if score > best:
            best, kept = score, {name: value.clone() for name, value in model.state_dict().items()}
        if since > PATIENCE:
            break
    model.load_state_dict(kept)
    scores = right(model, *test)
    trial.scores(scores)  # so that the margin is one standard error of the accuracy
    return {"accuracy": 100 * scores.mean().item(), "validation": 100 * best}


if __name__ == "__main__":
    print(
        rectifiers.compare(train=train, arms="relu,gelu", metric="accuracy", learning_rate=0.01, max_seeds=3)
    )
