"""Trains the base models that everybody compresses, once and by fixed seeds, and exports them to ONNX."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn
from torch.nn import functional

from data import CHANNELS, TOKENS, VOCABULARY, DataSet, mails, mnist, vowels
from networks import Encoder, Recurrent, ResidualNetwork, SmallNetwork

FAMILIES = ("cnn", "encoder", "gru", "small")


def make_family(name: str, sources: dict[str, Path], folder: Path, threads: int, quick: bool) -> Path:
    """Writes model.onnx, data.npz and contract.json into `folder/name`, unless they are there; returns that folder."""
    target = folder / name
    if (target / "contract.json").exists():
        return target
    target.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(3)
    torch.set_num_threads(threads)
    data, network, epochs, rate = _recipe(name, sources, quick)
    began = time.monotonic()
    train(network, data, epochs, rate, name)
    network.eval()
    export(network, torch.from_numpy(data.train[0][:3]), target / "model.onnx")
    torch.save(network.state_dict(), target / "weights.pt")
    np.savez_compressed(
        target / "data.npz",
        **{
            f"{part}_{kind}": values
            for part in ("train", "traffic", "test")
            for kind, values in zip("xy", getattr(data, part), strict=True)
        },
    )
    contract = {
        "name": name,
        "task": {"kind": "classification", "classes": data.classes},
        "input": {
            "name": "input",
            "datatype": "INT64" if data.train[0].dtype == np.int64 else "FP32",
            "shape": [-1, *data.train[0].shape[1:]],
        },
        "output": {"name": "logits", "datatype": "FP32", "shape": [-1, data.classes]},
    }
    (target / "contract.json").write_text(json.dumps(contract, indent=2))
    correct = accuracy(network, *data.test)
    weights = sum(parameter.numel() for parameter in network.parameters())
    seconds = time.monotonic() - began
    print(f"{name}: {weights:,} weights, {correct:.4f} right of {len(data.test[1])}, {seconds:.0f} s", flush=True)
    return target


def _recipe(name: str, sources: dict[str, Path], quick: bool) -> tuple[DataSet, nn.Module, int, float]:
    share = 4 if quick else 1
    if name == "cnn":
        return mnist(sources["mnist"], 12_000 // share, 4_000, 5_000), ResidualNetwork(), 3, 3e-3
    if name == "small":
        return mnist(sources["mnist"], 12_000, 4_000, 5_000), SmallNetwork(), 6, 6e-3
    if name == "encoder":
        return mails(sources["mails"]), Encoder(VOCABULARY, TOKENS), 2 if quick else 4, 1e-3
    return vowels(sources["vowels"]), Recurrent(CHANNELS, 9), 40 if quick else 80, 3e-3


def train(network: nn.Module, data: DataSet, epochs: int, rate: float, name: str = "") -> None:
    """AdamW, one cycle of the rate; `name` chooses the augmentation of a family and tells progress."""
    rows, labels = (torch.from_numpy(values) for values in data.train)
    batch = 32 if len(rows) < 1000 else 64
    generator = np.random.default_rng(7)
    steps = epochs * -(-len(rows) // batch)
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=rate, total_steps=steps)
    network.train()
    for epoch in range(epochs):
        total = 0.0
        order = generator.permutation(len(rows))
        for start in range(0, len(order), batch):
            chosen = torch.from_numpy(order[start : start + batch])
            inputs = _augmented(rows[chosen], generator, name)
            loss = functional.cross_entropy(network(inputs), labels[chosen], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += loss.item() * len(chosen)
        if name and (epochs < 20 or epoch % 10 == 9):
            print(f"{name}: epoch {epoch + 1} of {epochs}, loss {total / len(order):.4f}", flush=True)


def _augmented(inputs: torch.Tensor, generator: np.random.Generator, name: str) -> torch.Tensor:
    if name == "encoder":  # a tenth of the words are hidden
        return torch.where(torch.from_numpy(generator.random(inputs.shape) < 0.1), 1, inputs)
    if name == "gru":
        noise = torch.from_numpy(generator.normal(0, 0.1, inputs.shape).astype(np.float32))
        return inputs + noise * (inputs != 0)
    return inputs


def accuracy(network: nn.Module, rows: np.ndarray, labels: np.ndarray) -> float:
    with torch.no_grad():
        answers = [network(torch.from_numpy(rows[start : start + 256])) for start in range(0, len(rows), 256)]
    return float((torch.cat(answers).argmax(1).numpy() == labels).mean())


def network_of(family: Path) -> nn.Module:
    """The trained module that a family's model was exported from."""
    made = {
        "cnn": ResidualNetwork,
        "small": SmallNetwork,
        "encoder": lambda: Encoder(VOCABULARY, TOKENS),
        "gru": lambda: Recurrent(CHANNELS, 9),
    }[family.name]()
    made.load_state_dict(torch.load(family / "weights.pt", weights_only=True))
    return made.eval()


def export(network: nn.Module, rows: torch.Tensor, path: Path) -> None:
    """ONNX with a free batch, weights inside."""
    torch.onnx.export(
        network,
        (rows,),
        str(path),
        input_names=["input"],
        output_names=["logits"],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    onnx.checker.check_model(onnx.load(path))
