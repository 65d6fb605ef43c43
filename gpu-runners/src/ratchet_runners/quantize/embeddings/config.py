from __future__ import annotations

from typing import Literal

from pydantic import Field

from ratchet_runners.technique import Cost, Subject, Technique, replaced


class QuantizeEmbeddings(Technique):
    """Tables of eight or four bits with a scale for each row, multiplied after the look-up; one a table would hurt."""

    TAKES = frozenset({"float", "qdq", "weights", "dynamic", "half"})

    technique: Literal["quantize-embeddings"] = "quantize-embeddings"
    version: Literal[1] = 1
    bits: Literal[4, 8] = Field(
        default=8, description="4: two numbers a byte, scales by least squared error; needs operator set 18"
    )
    minimum_numbers: int = Field(
        default=2048,
        ge=1,
        description="Tables of fewer numbers stay as they are: the nodes would outweigh what they save",
    )

    def after(self, subject: Subject) -> Subject:
        form = "weights" if subject.form == "float" else subject.form
        return replaced(subject, form, size_ratio=0.7 if self.bits == 8 else 0.65)

    def cost(self, subject: Subject) -> Cost:
        return Cost(round(0.5 + subject.weights / 1e8, 1), 4 * subject.size_bytes + (100 << 20))

    def objections(self, subject: Subject) -> tuple[str, ...]:
        found = list(super().objections(subject))
        if not subject.operators.get("Gather"):
            found.append("the model looks nothing up in a table (it has no Gather)")
        return tuple(found)
