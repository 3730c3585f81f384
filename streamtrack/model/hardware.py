"""What torch finds on this machine, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

MEMORY_INFO = Path("/proc/meminfo")
"""What Linux says of the machine's memory."""
_CPU_FEATURES = ("avx2", "avx512_f", "avx512_bf16", "amx_tile", "amx_bf16")


@dataclass(frozen=True, slots=True)
class TorchFacts:
    """A machine as torch sees it."""

    version: str
    cuda_version: str | None
    """CUDA that torch was built for; None for a build without."""
    cuda_devices: tuple[str, ...]
    """One line a device: name, memory, compute capability, bf16."""
    has_mps: bool
    threads: int
    """CPU threads of one operation."""
    cpu_name: str
    """Empty where torch does not tell."""
    cpu_features: tuple[str, ...]
    """Of those that decide how fast a step is on a CPU."""


def probe_torch() -> TorchFacts:
    """Ask torch; costs a CUDA context where there is a device."""
    return TorchFacts(
        version=torch.__version__,
        cuda_version=torch.version.cuda,
        cuda_devices=tuple(_describe_cuda(index) for index in range(torch.cuda.device_count())),
        has_mps=torch.backends.mps.is_available(),
        threads=torch.get_num_threads(),
        cpu_name=str(_capabilities().get("cpu_name", "")),
        cpu_features=probe_cpu(),
    )


def cpu_has_bf16() -> bool:
    """Whether the CPU multiplies bfloat16 in hardware; without, torch emulates it many times slower."""
    return bool({"avx512_bf16", "amx_bf16"} & set(probe_cpu()))


def probe_cpu() -> tuple[str, ...]:
    """Of the CPU's features those that decide how fast a step is."""
    capabilities = _capabilities()
    return tuple(name for name in _CPU_FEATURES if capabilities.get(name))


def free_bytes(device: str) -> int | None:
    """What a model could have of a device's memory: what is free and what this process holds of it already.

    None where the system does not tell.
    """
    if device == "cuda":
        return int(torch.cuda.mem_get_info()[0]) + torch.cuda.memory_reserved()
    if device == "mps":
        return int(torch.mps.recommended_max_memory())
    try:
        lines = MEMORY_INFO.read_text(encoding="ascii").splitlines()
        kibibytes = next(line.split()[1] for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, IndexError):
        return None
    return int(kibibytes) * 1024


def _capabilities() -> dict[str, object]:
    # torch.cpu.get_capabilities came after the oldest torch that we accept
    found: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return found


def _describe_cuda(index: int) -> str:
    properties = torch.cuda.get_device_properties(index)
    bf16 = "bf16" if properties.major >= 8 else "no bf16"
    gibibytes = properties.total_memory / 2**30
    return f"{properties.name}, {gibibytes:.0f} GiB, compute {properties.major}.{properties.minor}, {bf16}"
