"""Who predicts, and with what: without a cluster."""

import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from ensemble.predicting import worker as worker_module
from ensemble.predicting.parts import PartFolder
from ensemble.predicting.worker import Software, Worker
from ensemble.predicting.workers import Node, Share, Workers, count_of, share_of
from models.errors import UserError

GPU = Share(1, 1.0)


@pytest.mark.parametrize(
    ("asked", "device", "gpus", "share"),
    [
        (Workers("auto"), "auto", 8, Share(1, 1.0)),
        (Workers("auto"), "auto", 0, Share(3, 0.0)),
        (Workers("auto"), "cpu", 8, Share(3, 0.0)),
        (Workers("auto", gpus=0), "auto", 8, Share(3, 0.0)),
        (Workers("auto", gpus=0.5), "cuda", 8, Share(1, 0.5)),
    ],
)
def test_what_a_worker_gets(asked, device, gpus, share):
    assert share_of(asked, device, gpus, threads=3) == share
    assert share.device == ("cuda" if share.gpus else "cpu")


@pytest.mark.parametrize(
    ("share", "node", "workers"),
    [
        (Share(1, 1.0), Node(64, 8), 8),
        (Share(1, 1.0), Node(4, 8), 4),
        (Share(1, 0.5), Node(64, 8), 16),
        (Share(1, 0.4), Node(64, 8), 16),
        (Share(1, 1 / 3), Node(64, 1), 3),
        (Share(1, 2.0), Node(64, 7), 3),
        (Share(3, 0.0), Node(8, 0), 2),
        (Share(3, 0.0), Node(2, 8), 0),
    ],
)
def test_how_many_workers_a_machine_has_room_for(share, node, workers):
    assert share.fits(node) == workers


def test_workers_of_several_machines():
    nodes = [Node(0, 0), Node(4, 2), Node(8, 4)]
    assert count_of(Workers("auto"), GPU, nodes) == 6
    assert count_of(Workers("auto", count=3), GPU, nodes) == 3
    assert count_of(Workers("auto", count=30), GPU, nodes) == 6


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (lambda: Workers(count=2).check(), "found no --address"),
        (lambda: Workers(gpus=1).check(), "found no --address"),
        (lambda: Workers("auto", gpus=-1).check(), "found -1"),
        (lambda: Workers("auto", gpus=1.5).check(), "found 1.5"),
        (lambda: share_of(Workers("auto", gpus=1), "cpu", 1, 1), "needs no GPU"),
        (lambda: share_of(Workers("auto"), "cuda:1", 0, 1), "found none for the workers"),
        (lambda: count_of(Workers("auto"), GPU, [Node(8, 0)]), "1 GPU and 1 CPU for a worker"),
        (lambda: count_of(Workers("auto"), Share(9, 0), [Node(8, 0)]), "has 9 CPUs for a worker"),
        (lambda: Workers(store="s3://bucket/searches").check(), "found no --address"),
    ],
)
def test_mistakes(act, expected):
    with pytest.raises(UserError, match=expected) as caught:
        act()
    assert caught.value.remedy


def test_a_worker_of_other_code_is_refused(job, tmp_path):
    keeper = PartFolder(tmp_path)
    answer = Worker().begin(job, keeper, 1.0, Software("another", torch.__version__))
    assert answer.lasting
    assert "that of this process another with torch" in answer.failure
    assert "same code" in answer.remedy


@pytest.mark.parametrize("what", ["data", "truth", "floor", "folder"])
def test_a_worker_that_does_not_see_everything_says_what(job, tmp_path, what):
    nowhere = tmp_path / "nowhere"
    folder = nowhere if what == "folder" else tmp_path
    lacking = job if what == "folder" else replace(job, **{what: nowhere})
    answer = Worker().begin(lacking, PartFolder(folder), 1.0, Software.here())
    assert answer.lasting
    assert "does not see" in answer.failure
    assert str(nowhere) in answer.failure
    assert "every node sees" in answer.remedy


def test_a_worker_with_other_recordings_is_refused(job, tmp_path):
    other = replace(job, fingerprint="0")
    answer = Worker().begin(other, PartFolder(tmp_path), 1.0, Software.here())
    assert answer.lasting
    assert "expected 0" in answer.failure


def test_what_may_go_better_elsewhere_is_not_lasting():
    def fail():
        raise RuntimeError("CUDA error: unspecified launch failure\nmore")

    answer = worker_module._answer(fail)
    assert not answer.lasting
    assert "RuntimeError: CUDA error: unspecified launch failure" in answer.failure


def test_ray_is_imported_only_when_it_is_asked_for():
    told = "import sys, ensemble.build, ensemble.passes; sys.exit('ray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", told], check=False).returncode == 0
