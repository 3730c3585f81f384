"""What other devices can do at best, from their makers' data sheets. Dense, without sparsity."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Device:
    """Peaks in bf16 (fp16 has the same) with 32-bit accumulation."""

    name: str
    flops_per_s: float
    bytes_per_s: float
    source: str


DEVICES = (
    Device("A100 SXM 80 GB", 312e12, 2039e9, "NVIDIA A100 Tensor Core GPU data sheet, 2021"),
    Device(
        "H100 SXM", 989e12, 3350e9, "NVIDIA H100 Tensor Core GPU data sheet, 2023 (half of the sparse figure)"
    ),
    Device("RTX 3090", 71e12, 936e9, "NVIDIA Ampere GA102 GPU Architecture whitepaper v2, appendix A"),
    Device(
        "Jetson AGX Orin 64 GB",
        42.5e12,
        204.8e9,
        "NVIDIA Jetson AGX Orin Series Technical Brief v1.2, 2022 (a quarter of the 170 sparse INT8 TOPS)",
    ),
)
