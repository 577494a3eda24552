"""Lightning: a LightningModule and a Trainer inside a training function.

Run it: python examples/lightning_module.py
"""

import logging
import warnings

import pytorch_lightning as pl
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

import rectifiers

logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", module="pytorch_lightning")


class Classifier(pl.LightningModule):
    def __init__(self, activation, rate):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(64, 64), activation(64), nn.Linear(64, 64), activation(64), nn.Linear(64, 10)
        )
        self.rate = rate

    def training_step(self, batch, index):
        x, y = batch
        loss = nn.functional.cross_entropy(self.net(x), y)
        self.log("loss", loss, on_step=False, on_epoch=True)
        return loss

    def test_step(self, batch, index):
        x, y = batch
        self.log("accuracy", (self.net(x).argmax(1) == y).float().mean(), batch_size=len(y))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.rate)


class Report(pl.Callback):
    """Hands every epoch's loss to the comparison, which may end the trial."""

    def __init__(self, trial):
        self.trial = trial

    def on_train_epoch_end(self, trainer, module):
        self.trial.report(trainer.current_epoch, loss=trainer.callback_metrics["loss"])


def train(trial):
    pl.seed_everything(trial.seed, verbose=False)
    x, y = load_digits(return_X_y=True)
    data = TensorDataset(torch.tensor(x, dtype=torch.float32) / 16, torch.tensor(y))
    fit, test = random_split(data, [1200, 597], torch.Generator().manual_seed(0))
    trainer = pl.Trainer(
        max_epochs=4,
        accelerator="cpu",
        default_root_dir=trial.directory,
        callbacks=[Report(trial)],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    model = Classifier(trial.activation, trial.learning_rate or 3e-3)
    trainer.fit(model, DataLoader(fit, batch_size=64, shuffle=True))
    (found,) = trainer.test(model, DataLoader(test, batch_size=597), verbose=False)
    trial.test_size = len(test)
    return found["accuracy"]


if __name__ == "__main__":
    print(rectifiers.compare(train=train, arms="relu,prelu", metric="accuracy", max_seeds=3))
