"""BERTScore with an encoder that lies on this machine; nothing is fetched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ratchet_runners.data.rows import Doubles, Floats
from ratchet_runners.evaluate.document import Estimate
from ratchet_runners.evaluate.intervals import mean_of
from ratchet_runners.evaluate.options import EvaluationOptions, TextEncoder
from ratchet_runners.evaluate.wordpiece import END, PAD, START, UNKNOWN, WordPiece
from ratchet_runners.faults import ModelUnusable
from ratchet_runners.model.scoring import session_of

#: Texts beyond are left out: an encoder may be a hundred times the model.
MOST_TEXTS = 200
_SILENT = frozenset({"", PAD, START, END, UNKNOWN})


class NoEncoder(Exception):
    """There is no encoder here, and why."""


@dataclass(frozen=True)
class Likeness:
    precision: float
    recall: float
    f1: float


def bert_score(candidate: Floats, reference: Floats) -> Likeness:
    """From the token vectors of two texts, shapes (tokens, width).

    Zhang et al. 2020, "BERTScore: evaluating text generation with BERT": every token is matched with the most similar
    one of the other text (cosine); without weights by rarity and without rescaling. Texts without tokens match nothing.
    """
    if not len(candidate) or not len(reference):
        return Likeness(0.0, 0.0, 0.0)
    cosines = _unit(candidate) @ _unit(reference).T
    precision, recall = float(cosines.max(axis=1).mean()), float(cosines.max(axis=0).mean())
    total = precision + recall
    return Likeness(precision, recall, 2 * precision * recall / total if total > 0 else 0.0)


def _unit(vectors: Floats) -> Doubles:
    wide = vectors.astype(np.float64)
    return wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12)


class Encoder:
    """An ONNX encoder of tokens with its vocabulary."""

    def __init__(self, settings: TextEncoder, threads: int = 1) -> None:
        """@throws NoEncoder where a file is missing or is none"""
        try:
            self._pieces = WordPiece.read(Path(settings.vocabulary), settings.lower_case)
            self._session = session_of(Path(settings.model).read_bytes(), threads)
        except OSError as error:
            raise NoEncoder(f"{error.filename} cannot be read: {error.strerror}") from error
        except (ValueError, ModelUnusable) as error:
            raise NoEncoder(str(error)) from error
        self._takes = [value.name for value in self._session.get_inputs()]

    def vectors(self, text: str) -> Floats:
        """One vector a token, shape (tokens, width), those of the text's start and end left out."""
        numbers = np.array([self._pieces.numbers(text)], dtype=np.int64)
        everything: dict[str, npt.NDArray[Any]] = {
            "input_ids": numbers,
            "attention_mask": np.ones_like(numbers),
            "token_type_ids": np.zeros_like(numbers),
        }
        feed = {name: everything[name] for name in self._takes if name in everything}
        answers = self._session.run(None, feed)
        vectors = next(np.asarray(answer) for answer in answers if np.asarray(answer).ndim == 3)
        return vectors[0, 1:-1].astype(np.float32)

    def likeness(self, candidate: str, reference: str) -> Likeness:
        return bert_score(self.vectors(candidate), self.vectors(reference))


def texts_of(outputs: Floats, words: list[str]) -> list[str]:
    """What outputs of shape (rows, steps, words) say: the most probable word of each step; pieces that begin with ##
    continue the word before."""
    texts: list[str] = []
    for row in outputs.argmax(axis=-1):
        said = [words[number] for number in row.tolist() if number < len(words) and words[number] not in _SILENT]
        texts.append(" ".join(said).replace(" ##", ""))
    return texts


def texts_alike(outputs: Floats, truth: Floats, options: EvaluationOptions, seed: int) -> Estimate:
    """Mean F1 between the texts of a candidate and those of the reference. @throws NoEncoder"""
    if options.text is None:
        raise NoEncoder("no text encoder is named")
    if outputs.ndim != 3:
        raise NoEncoder("outputs are no words: their shape is not (rows, steps, words)")
    try:
        words = Path(options.text.output_vocabulary).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise NoEncoder(f"{error.filename} cannot be read: {error.strerror}") from error
    encoder = Encoder(options.text)
    pairs = zip(texts_of(outputs[:MOST_TEXTS], words), texts_of(truth[:MOST_TEXTS], words), strict=True)
    scores = np.array([encoder.likeness(one, two).f1 for one, two in pairs])
    return mean_of(scores, options.rounds, options.confidence, seed)
