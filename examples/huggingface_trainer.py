"""Hugging Face: a small BERT from its configuration labels tokens, in sequences of different lengths.

Run it: python examples/huggingface_trainer.py
"""

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import BertConfig, BertForTokenClassification, Trainer, TrainerCallback, TrainingArguments
from transformers.utils import logging

import rectifiers

logging.set_verbosity_error()
IGNORED = -100  # the label of padding


def sentences(count, seed):
    """Return sequences in which a token's label says whether the one before it is larger."""
    generator = torch.Generator().manual_seed(seed)
    made = []
    for _ in range(count):
        length = int(torch.randint(5, 16, (1,), generator=generator))
        tokens = torch.randint(1, 20, (length,), generator=generator)
        labels = torch.cat((torch.zeros(1, dtype=torch.long), (tokens[:-1] > tokens[1:]).long()))
        made.append({"input_ids": tokens, "labels": labels})
    return made


def collate(batch):
    ids = pad_sequence([item["input_ids"] for item in batch], batch_first=True)
    labels = pad_sequence([item["labels"] for item in batch], batch_first=True, padding_value=IGNORED)
    return {"input_ids": ids, "attention_mask": (ids > 0).long(), "labels": labels}


class Report(TrainerCallback):
    """Hands every logged loss to the comparison, which may end the trial."""

    def __init__(self, trial):
        self.trial = trial

    def on_log(self, args, state, control, logs=None, **more):
        if logs and "loss" in logs:
            self.trial.report(round(state.epoch or 0), loss=float(logs["loss"]))


def train(trial):
    config = BertConfig(
        vocab_size=20, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=16, num_labels=2, hidden_act="gelu",
    )  # fmt: skip
    model = BertForTokenClassification(config)
    for layer in model.bert.encoder.layer:
        # features are on the last axis here: an arm that learns something learns it for all of them
        layer.intermediate.intermediate_act_fn = trial.activation()
    arguments = TrainingArguments(
        output_dir=str(trial.directory),
        num_train_epochs=4,
        per_device_train_batch_size=16,
        learning_rate=trial.learning_rate or 3e-3,
        warmup_steps=10,
        seed=trial.seed,
        logging_strategy="epoch",
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        use_cpu=trial.device.type == "cpu",
    )
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=sentences(200, seed=0),
        data_collator=collate,
        callbacks=[Report(trial)],
    )
    trainer.train()
    batch = collate(sentences(200, seed=1))
    labels = batch.pop("labels")
    model.eval()
    with torch.no_grad():
        said = model(**{key: value.to(model.device) for key, value in batch.items()}).logits.argmax(-1).cpu()
    rights = (said == labels)[labels != IGNORED].float()
    trial.scores(rights)
    return {"token_accuracy": 100 * rights.mean().item()}


if __name__ == "__main__":
    print(rectifiers.compare(train=train, arms="gelu,relu", metric="token_accuracy", max_seeds=3))
