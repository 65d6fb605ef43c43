"""Texts into the pieces that BERT's encoders know."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import cast

UNKNOWN, START, END, PAD = "[UNK]", "[CLS]", "[SEP]", "[PAD]"
LONGEST_WORD = 100


class WordPiece:
    """Greedy longest match first, after splitting at spaces, punctuation and ideographs (Devlin et al. 2019, after Wu
    et al. 2016)."""

    def __init__(self, pieces: Iterable[str], lower_case: bool = True) -> None:
        """`pieces` in the order of their numbers; those that go on within a word begin with ##.

        @throws ValueError where a piece is missing that every text needs
        """
        self._numbers = {piece: number for number, piece in enumerate(pieces)}
        self._lower_case = lower_case
        missing = [piece for piece in (UNKNOWN, START, END) if piece not in self._numbers]
        if missing:
            raise ValueError(f"the vocabulary lacks {', '.join(missing)}")

    @classmethod
    def read(cls, path: Path, lower_case: bool = True) -> WordPiece:
        """From a vocab.txt, or a tokenizer.json of the kind WordPiece. @throws OSError, ValueError"""
        text = path.read_text(encoding="utf-8")
        if path.suffix != ".json":
            return cls(text.splitlines(), lower_case)
        numbers: object = json.loads(text).get("model", {}).get("vocab")
        if not isinstance(numbers, dict):
            raise ValueError(f"{path} has no pieces with numbers: it is no WordPiece tokenizer")
        return cls(sorted(cast("dict[str, int]", numbers), key=cast("dict[str, int]", numbers).__getitem__), lower_case)

    def numbers(self, text: str, most: int = 512) -> list[int]:
        """`[CLS] … [SEP]` as numbers, cut after `most`."""
        found = [number for word in self._words(text) for number in self._pieces(word)]
        return [self._numbers[START], *found[: most - 2], self._numbers[END]]

    def _words(self, text: str) -> Iterator[str]:
        if self._lower_case:
            text = text.lower()
            text = "".join(sign for sign in unicodedata.normalize("NFD", text) if unicodedata.category(sign) != "Mn")
        word = ""
        for sign in text:
            if sign.isspace() or _alone(sign):
                if word:
                    yield word
                word = ""
                if not sign.isspace():
                    yield sign
            elif unicodedata.category(sign) not in ("Cc", "Cf"):
                word += sign
        if word:
            yield word

    def _pieces(self, word: str) -> list[int]:
        found: list[int] = []
        start = 0
        while start < len(word):
            end = len(word) if len(word) <= LONGEST_WORD else start
            while end > start and (("##" if start else "") + word[start:end]) not in self._numbers:
                end -= 1
            if end == start:
                return [self._numbers[UNKNOWN]]
            found.append(self._numbers[("##" if start else "") + word[start:end]])
            start = end
        return found


def _alone(sign: str) -> bool:
    """Punctuation, all ASCII signs that are neither letters nor digits, and ideographs stand alone."""
    code = ord(sign)
    if code < 128:
        return not sign.isalnum() and not sign.isspace() and code > 32 and code != 127
    return unicodedata.category(sign).startswith("P") or 0x4E00 <= code <= 0x9FFF or 0x3400 <= code <= 0x4DBF
