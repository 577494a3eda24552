"""Real architectures, built from a configuration without weights: all found, swapped, trained, compiled.

Run by ``make architectures``, which installs transformers; the table of docs/guide/swap.md is what it finds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from call_sites_models import DenseNet, ResNet, UNet
from torch import Tensor, nn

import rectifiers

transformers = pytest.importorskip("transformers")

# Compilers of torch, and transformers, use what torch deprecates.
pytestmark = pytest.mark.filterwarnings("ignore")

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "swap.md"
IMAGE = {"pixel_values": torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))}
WORDS = {"input_ids": torch.arange(14).reshape(2, 7)}
SOUND = {"input_features": torch.randn(2, 8, 20, generator=torch.Generator().manual_seed(0))}
SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
T5 = {"vocab_size": 50, "d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2}
WHISPER = {"d_model": 16, "encoder_layers": 2, "encoder_attention_heads": 2, "encoder_ffn_dim": 32}
TEXT = {"vocab_size": 50, "max_position_embeddings": 16}


def of(model: str, config: str, **arguments: Any) -> Callable[[], nn.Module]:
    return lambda: getattr(transformers, model)(getattr(transformers, config)(**arguments))


def whisper() -> nn.Module:
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    sizes = {"num_mel_bins": 8, "max_source_positions": 10}
    return WhisperEncoder(transformers.WhisperConfig(**WHISPER, **sizes))


MODELS: dict[str, tuple[Callable[[], nn.Module], Any]] = {
    "ResNet": (
        of(
            "ResNetModel",
            "ResNetConfig",
            embedding_size=8,
            hidden_sizes=[8, 16],
            depths=[2, 2],
            layer_type="basic",
        ),
        IMAGE,
    ),
    "ConvNeXt": (
        of("ConvNextModel", "ConvNextConfig", hidden_sizes=[8, 8, 16, 16], depths=[1, 2, 1, 1]),
        IMAGE,
    ),
    "RegNet": (
        of(
            *("RegNetModel", "RegNetConfig"),
            embedding_size=8,
            hidden_sizes=[8, 8, 16, 16],
            depths=[1, 1, 1, 1],
            groups_width=8,
        ),
        IMAGE,
    ),
    "ViT": (of("ViTModel", "ViTConfig", image_size=32, patch_size=8, **SMALL), IMAGE),
    "Swin": (
        of(
            *("SwinModel", "SwinConfig"),
            image_size=32,
            patch_size=4,
            embed_dim=8,
            depths=[1, 1],
            num_heads=[2, 2],
            window_size=4,
        ),
        IMAGE,
    ),
    "MobileNetV2": (of("MobileNetV2Model", "MobileNetV2Config", depth_multiplier=0.35, image_size=32), IMAGE),
    "SegFormer": (
        of(
            *("SegformerModel", "SegformerConfig"),
            hidden_sizes=[8, 8, 16, 16],
            depths=[1, 1, 1, 1],
            decoder_hidden_size=16,
        ),
        IMAGE,
    ),
    "BERT": (of("BertModel", "BertConfig", **TEXT, **SMALL), WORDS),
    "GPT-2": (
        of(
            *("GPT2Model", "GPT2Config"),
            vocab_size=50,
            n_positions=16,
            n_embd=16,
            n_layer=2,
            n_head=2,
            bos_token_id=0,
            eos_token_id=0,
        ),
        WORDS,
    ),
    "T5 encoder": (of("T5EncoderModel", "T5Config", **T5), WORDS),
    "T5 encoder, gated": (of("T5EncoderModel", "T5Config", feed_forward_proj="gated-gelu", **T5), WORDS),
    "Whisper encoder": (whisper, SOUND),
    "Llama": (of("LlamaModel", "LlamaConfig", num_key_value_heads=2, **TEXT, **SMALL), WORDS),
    "BasicBlock as in torchvision": (ResNet, (IMAGE["pixel_values"],)),
    "DenseNet block": (DenseNet, (IMAGE["pixel_values"],)),
    "U-Net": (UNet, (IMAGE["pixel_values"],)),
}
# Counted by hand in the source of each.
BY_HAND = {
    "ResNet": {"relu": 1 + 4 * 2},  # the stem; in each of four blocks one after each convolution
    "MobileNetV2": {"relu6": 2 + 16 * 2 + 1},  # stem; expansion and depthwise of each block; last
    "BERT": {"gelu": 2, "tanh": 1},  # one in each layer; the pooler's
    "Whisper encoder": {"gelu": 2 + 2},  # behind each of two convolutions, as functions; one in each layer
    "BasicBlock as in torchvision": {"relu": 1 + 4 * 2},
    "DenseNet block": {"relu": 3 * 2 + 1},
    "U-Net": {"relu": 5 * 2},
}


def output(model: nn.Module, example: Any) -> Tensor:
    y = model(**example) if isinstance(example, dict) else model(*example)
    return y if isinstance(y, Tensor) else y[0]


def row(name: str) -> list[str]:
    rows = (line.split("|")[1:-1] for line in PAGE.read_text().splitlines() if line.startswith("| "))
    return next([cell.strip() for cell in cells] for cells in rows if cells[0].strip() == name)


@pytest.mark.parametrize("name", MODELS)
def test_found_swapped_trained_and_compiled(name: str) -> None:
    torch.manual_seed(0)
    torch._dynamo.reset()
    make, example = MODELS[name]
    model = make()
    found = rectifiers.sites(model, example)
    kinds: dict[str, int] = {}
    for site in found:
        kinds[site.activation] = kinds.get(site.activation, 0) + 1
    assert kinds == BY_HAND.get(name, kinds)
    swapped = 0
    for kind in kinds:
        report = rectifiers.swap_(model, "prelu", example, where=kind)
        swapped += len(report)
    assert {site.activation for site in rectifiers.sites(model, example)} == {"prelu"}

    slopes = [m.weight for m in model.modules() if isinstance(m, rectifiers.nn.PReLU)]
    optimizer = torch.optim.SGD(model.parameters(), 0.001)
    y = output(model.train(), example).float()
    (y * torch.linspace(-1, 2, y.numel()).view(y.shape)).mean().backward()  # a norm at the end has one square
    optimizer.step()
    reached = [slope.grad is not None and bool(slope.grad.any()) for slope in slopes]
    trained = sum(reached) >= len(slopes) - 1 and all(slope.isfinite().all() for slope in slopes)

    y = output(model.eval(), example)
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    torch.testing.assert_close(output(compiled, example), y, rtol=1e-4, atol=1e-4)

    listed = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    assert row(name)[1:] == [listed, str(swapped), "yes" if trained else "no", "yes"]
    rectifiers.unswap_(model)
    assert {site.activation for site in rectifiers.sites(model, example)} == set(kinds)


def test_the_page_lists_what_is_tried() -> None:
    names = re.findall(r"^\| ([^|]+?) +\| \d", PAGE.read_text(), flags=re.MULTILINE)
    assert names == list(MODELS)


def test_hidden_act_by_name() -> None:
    name = rectifiers.register_hidden_act("leaky_relu(0.2)")
    make, example = of("BertModel", "BertConfig", hidden_act=name, **TEXT, **SMALL), WORDS
    found = rectifiers.sites(make(), example)
    assert [site.activation for site in found] == ["leaky_relu", "leaky_relu", "tanh"]


def test_gradient_checkpointing_of_whole_layers() -> None:
    def gradients(checkpointed: bool) -> list[Tensor]:
        torch.manual_seed(0)
        model = MODELS["Whisper encoder"][0]()
        if checkpointed:
            model.gradient_checkpointing_enable({"use_reentrant": False})
        rectifiers.swap_(model, "prelu", SOUND)
        output(model.train(), SOUND).square().sum().backward()
        return [p.grad for p in model.parameters() if p.grad is not None]

    for one, other in zip(gradients(True), gradients(False), strict=True):
        torch.testing.assert_close(one, other)
