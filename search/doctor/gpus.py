"""The GPUs of one machine, each of them tried."""

import os
from dataclasses import dataclass

import pynvml
import torch

from models.clusters import described

SIZE = 256
"""Rows of the matrices that are multiplied."""
VISIBLE = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class Gpu:
    """One GPU as torch sees it."""

    name: str
    memory: int
    """Bytes, in all."""
    free: int
    """Bytes that nobody uses."""
    capability: str
    failure: str = ""
    """Why it does not multiply matrices; empty where it does."""


@dataclass(frozen=True)
class Gpus:
    """All GPUs of a machine."""

    seen: tuple[Gpu, ...] = ()
    """Those that torch may use."""
    listed: int = 0
    """Those that the driver has."""
    driver: str = ""
    """The driver's version; empty where there is none."""
    restricted: bool = False
    """Whether CUDA_VISIBLE_DEVICES chooses among them."""


def look() -> Gpus:
    """The GPUs of this machine."""
    listed, driver = _of_driver()
    seen = tuple(_try(index) for index in range(torch.cuda.device_count()))
    return Gpus(seen, listed, driver, VISIBLE in os.environ)


def _try(index: int) -> Gpu:
    """One GPU; what it raises is its failure."""
    name, memory, free, capability = f"GPU {index}", 0, 0, "unknown"
    try:
        properties = torch.cuda.get_device_properties(index)
        name, memory = properties.name, properties.total_memory
        capability = f"{properties.major}.{properties.minor}"
        free, _ = torch.cuda.mem_get_info(index)
        failure = _multiply(torch.device("cuda", index))
    except (RuntimeError, AssertionError) as error:
        failure = described(error)
    return Gpu(name, memory, free, capability, failure)


def _multiply(device: torch.device) -> str:
    """What is wrong with the product of two matrices of ones; empty where it is right."""
    ones = torch.ones(SIZE, SIZE, device=device)
    wrong = int((ones @ ones != SIZE).sum().item())
    return f"{wrong} of {SIZE * SIZE} values of a product are wrong" if wrong else ""


def _of_driver() -> tuple[int, str]:
    """How many GPUs the driver has, and its version; 0 and an empty one where there is none."""
    try:
        pynvml.nvmlInit()
        version = pynvml.nvmlSystemGetDriverVersion()
        return pynvml.nvmlDeviceGetCount(), str(getattr(version, "decode", lambda: version)())
    except pynvml.NVMLError:
        return 0, ""
