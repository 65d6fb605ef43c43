"""Importing stays light: a control plane may ask for help or a schema a thousand times."""

from __future__ import annotations

import subprocess
import sys

import pytest

from support import command, environment

HEAVY = {"torch", "onnxruntime", "pyarrow", "numpy", "onnx"}
MARK = "--- modules"
SHOW = f"import sys; print({MARK!r}); print('\\n'.join(sys.modules))"


@pytest.mark.parametrize(
    "statement",
    [
        "import ratchet_runners",
        "import ratchet_runners.cli",
        "import ratchet_runners.recipes",
        "import ratchet_runners.documents.job",
        "import ratchet_runners.remote.run",
        "from ratchet_runners.cli import main\ntry:\n  main(['--help'])\nexcept SystemExit:\n  pass",
        "from ratchet_runners.cli import main\nmain(['schema', 'job.v1'])",
        "from ratchet_runners.cli import main\nmain(['doctor'])",
    ],
)
def test_nothing_heavy_is_imported(statement: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"{statement}\n{SHOW}"], env=environment(), capture_output=True, text=True, check=True
    )
    assert not HEAVY & set(done.stdout.partition(MARK)[2].split())


def test_quantization_does_not_import_torch() -> None:
    statement = "import ratchet_runners.execution.attempt, ratchet_runners.quantize.static.run"
    done = subprocess.run(
        [sys.executable, "-c", f"{statement}\n{SHOW}"], env=environment(), capture_output=True, text=True, check=True
    )
    assert "torch" not in done.stdout.partition(MARK)[2].split()


def test_an_unknown_command_is_refused() -> None:
    done = subprocess.run(command("compress"), env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 2
