"""Trains a small network on the breast-cancer data of scikit-learn and writes it as one ONNX file.

Standardisation lies inside the graph, so that the served model takes the measurements as they are. Reproducible by its
seed. The last line of stdout is JSON with the measured accuracy; `--rows FILE` also leaves the test rows as JSON.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

HIDDEN = (64, 64)


def main() -> None:
    options = parse_arguments()
    import numpy as np
    import onnxruntime as ort
    from sklearn.datasets import load_breast_cancer
    from sklearn.model_selection import train_test_split
    from sklearn.neural_network import MLPClassifier

    data = load_breast_cancer()
    train, test, train_labels, test_labels = train_test_split(
        data.data.astype(np.float32), data.target, test_size=0.3, random_state=options.seed, stratify=data.target
    )
    mean, spread = train.mean(axis=0), train.std(axis=0)
    network = MLPClassifier(HIDDEN, alpha=1e-2, max_iter=300, random_state=options.seed)
    network.fit((train - mean) / spread, train_labels)
    content = export(network, mean, spread)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_bytes(content)
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    answers = session.run(None, {"measurements": test})[0].argmax(axis=1)
    if options.rows:
        options.rows.write_text(json.dumps({"inputs": test.tolist(), "labels": test_labels.tolist()}))
    print(
        json.dumps(
            {
                "accuracy": float((answers == test_labels).mean()),
                "samples": len(test_labels),
                "digest": "sha256:" + hashlib.sha256(content).hexdigest(),
                "sizeBytes": len(content),
                "seed": options.seed,
            }
        )
    )


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path(__file__).resolve().parent / "reference.onnx")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rows", type=Path, help="leave the test rows here, for trying the served model")
    return parser.parse_args()


def export(network, mean, spread) -> bytes:
    """Standardisation, two hidden layers, and one output turned into logits of both classes."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    def weight(name: str, value) -> str:
        weights.append(numpy_helper.from_array(np.ascontiguousarray(value, dtype=np.float32), name))
        return name

    weights: list[onnx.TensorProto] = []
    nodes = [
        helper.make_node("Sub", ["measurements", weight("mean", mean)], ["centred"], name="centre"),
        helper.make_node("Div", ["centred", weight("spread", spread)], ["standard"], name="standardise"),
    ]
    layers = list(zip(network.coefs_, network.intercepts_, strict=True))
    coefficients, intercept = layers.pop()
    # One number says how likely the second class is: as logits of two classes that is (0, number).
    layers.append((np.hstack([np.zeros_like(coefficients), coefficients]), np.array([0.0, intercept[0]])))
    x = "standard"
    for number, (matrix, bias) in enumerate(layers, start=1):
        last = number == len(layers)
        gemm = [x, weight(f"layer{number}.weight", matrix), weight(f"layer{number}.bias", bias)]
        x = "logits" if last else f"layer{number}.out"
        nodes.append(helper.make_node("Gemm", gemm, [x], name=f"layer{number}"))
        if not last:
            nodes.append(helper.make_node("Relu", [x], [f"layer{number}.active"], name=f"layer{number}.relu"))
            x = f"layer{number}.active"
    graph = helper.make_graph(
        nodes,
        "breast-cancer",
        [helper.make_tensor_value_info("measurements", TensorProto.FLOAT, ["batch", 30])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 2])],
        weights,
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="ratchet-examples")
    proto.ir_version = 8
    onnx.checker.check_model(proto, full_check=True)
    return proto.SerializeToString(deterministic=True)


if __name__ == "__main__":
    main()
