"""What the driver's machine does, for the progress line and MLflow's page of system metrics."""

import contextlib
import re
import time
from collections.abc import Mapping

import psutil
import pynvml

EVERY = 30.0
GPU = re.compile(r"gpu_\d+_utilization_percentage")


def measure() -> dict[str, float]:
    """Now, under the names that MLflow's own monitor uses; percent and megabytes."""
    memory = psutil.virtual_memory()
    values = {
        "cpu_utilization_percentage": psutil.cpu_percent(),
        "system_memory_usage_megabytes": memory.used / 1e6,
        "system_memory_usage_percentage": memory.percent,
    }
    with contextlib.suppress(pynvml.NVMLError):  # no driver, no GPU
        pynvml.nvmlInit()
        for index in range(pynvml.nvmlDeviceGetCount()):
            values |= _of_gpu(index)
    return values


def _of_gpu(index: int) -> dict[str, float]:
    """By NVIDIA's library: PyTorch would set up each GPU for this process, at 500 MB."""
    device = pynvml.nvmlDeviceGetHandleByIndex(index)
    memory = pynvml.nvmlDeviceGetMemoryInfo(device)
    return {
        f"gpu_{index}_memory_usage_percentage": 100 * memory.used / memory.total,
        f"gpu_{index}_utilization_percentage": float(
            pynvml.nvmlDeviceGetUtilizationRates(device).gpu
        ),
    }


class Machine:
    """Measures now and then."""

    def __init__(self) -> None:
        self.began, self._measured = time.monotonic(), float("-inf")
        psutil.cpu_percent()  # since the last call, so that the first says nothing
        self.values: Mapping[str, float] = {}
        """Of the last time."""

    def is_due(self) -> bool:
        """Measure, if the last time is some time ago; whether it was."""
        if time.monotonic() - self._measured < EVERY:
            return False
        self._measured, self.values = time.monotonic(), measure()
        return True

    @property
    def seconds(self) -> int:
        """From the beginning to the last measurement."""
        return int(self._measured - self.began)

    @property
    def gpu_use(self) -> float | None:
        """Mean over the GPUs in percent; None where there is none."""
        used = [value for name, value in self.values.items() if GPU.fullmatch(name)]
        return sum(used) / len(used) if used else None
