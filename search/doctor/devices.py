"""What nodes said of their GPUs, as findings; pure."""

from collections.abc import Mapping, Sequence

from search.doctor.gpus import Gpu, Gpus
from search.doctor.lines import Finding, gigabytes, ok, problem, warning

NAME = "GPUs"
CROWDED = 0.5
"""Of a GPU's memory; less is free only where somebody else computes there."""


def gpus(found: Mapping[str, Gpus], declared: Mapping[str, float]) -> list[Finding]:
    """The GPUs of each node, by node; `declared` are those that Ray counts there."""
    alone = len(found) == 1
    lines: list[Finding] = []
    for node, each in found.items():
        where = "" if alone else f"{node}: "
        lines += _of_node(where, each, declared.get(node))
    if not any(each.seen or each.listed for each in found.values()):
        remedy = "Fine for small networks; for others run this on a machine with GPUs."
        lines.append(warning(NAME, "no GPU: trials train on CPU cores", remedy))
    drivers = sorted({each.driver for each in found.values() if each.driver})
    if len(drivers) > 1:
        remedy = "Install one driver everywhere: results may differ in their last digits."
        lines.append(warning(NAME, f"several drivers: {', '.join(drivers)}", remedy))
    return lines


def _of_node(where: str, gpus: Gpus, declared: float | None) -> list[Finding]:
    lines = [_broken(where, i, gpu) for i, gpu in enumerate(gpus.seen) if gpu.failure]
    good = [gpu for gpu in gpus.seen if not gpu.failure]
    if good:
        driver = f"; driver {gpus.driver}" if gpus.driver else ""
        lines.append(ok(NAME, f"{where}{_together(good)}, each multiplies matrices{driver}"))
    lines += [_crowded(where, i, gpu) for i, gpu in enumerate(gpus.seen) if _is_crowded(gpu)]
    if gpus.listed and not gpus.seen and not gpus.restricted:
        remedy = "Install the torch that fits the driver: https://pytorch.org/get-started/locally."
        told = f"{where}the driver {gpus.driver} lists {gpus.listed}, torch sees none"
        lines.append(problem(NAME, told, remedy))
    if declared is not None and declared != len(gpus.seen):
        remedy = f"Start Ray there with --num-gpus={len(gpus.seen)}."
        told = f"{where}GPUs that Ray counts: {declared:g}, that torch sees: {len(gpus.seen)}"
        lines.append(problem(NAME, told, remedy))
    return lines


def _together(gpus: Sequence[Gpu]) -> str:
    """`2 x NVIDIA H100, 79.6 GB, capability 9.0`, for each kind."""
    words = [f"{gpu.name}, {gigabytes(gpu.memory)}, capability {gpu.capability}" for gpu in gpus]
    return "; ".join(f"{words.count(word)} x {word}" for word in dict.fromkeys(words))


def _broken(where: str, index: int, gpu: Gpu) -> Finding:
    remedy = "Restart the node, or leave this GPU out with CUDA_VISIBLE_DEVICES."
    return problem(NAME, f"{where}GPU {index} ({gpu.name}) fails: {gpu.failure}", remedy)


def _is_crowded(gpu: Gpu) -> bool:
    return not gpu.failure and gpu.free < CROWDED * gpu.memory


def _crowded(where: str, index: int, gpu: Gpu) -> Finding:
    told = f"{where}GPU {index} has {gigabytes(gpu.free)} of {gigabytes(gpu.memory)} free"
    return warning(NAME, told, "Somebody else computes there: 'nvidia-smi' names the process.")
