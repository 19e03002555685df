import pytest
import yaml

from models.errors import UserError
from search.capacity import Kind, cluster_resources, promised

HEAD = Kind(1, 0, 0)
EIGHT = Kind(3, cpus=8, gpus=1)


def chosen(now, later=(), slots=None, gpus=None, cpus=1.0):
    return cluster_resources("auto", now, later, slots, gpus, cpus)


def test_a_trial_has_a_gpu_and_the_cores_beside_it():
    found = chosen([HEAD, EIGHT])
    assert (found.slots, found.gpus_per_trial, found.threads) == (3, 1.0, 8)
    assert (found.address, found.device) == ("auto", "auto")


@pytest.mark.parametrize(
    ("gpus", "cpus", "slots"),
    [(0.5, 1, 6), (0.4, 1, 6), (0.5, 5, 3), (2, 1, 0), (0, 1, 24), (0, 3, 6), (0, 0.5, 48)],
)
def test_slots_are_counted_node_by_node(gpus, cpus, slots):
    if slots:
        assert chosen([HEAD, EIGHT], gpus=gpus, cpus=cpus).slots == slots
    else:
        with pytest.raises(UserError, match="no node of the cluster has room"):
            chosen([HEAD, EIGHT], gpus=gpus, cpus=cpus)


def test_nodes_that_the_autoscaler_may_start_count():
    assert chosen([HEAD], [Kind(5, 8, 1)]).slots == 5
    assert chosen([HEAD, EIGHT], [Kind(1, 8, 1)]).slots == 3


def test_threads_are_those_of_the_smallest_node():
    assert chosen([Kind(1, 16, 1), Kind(1, 4, 1)]).threads == 4
    assert chosen([Kind(1, 8, 4)], gpus=0.5).threads == 1


def test_a_cluster_without_gpus_is_refused_at_once():
    with pytest.raises(UserError, match="no node of the cluster has one or may join") as caught:
        chosen([HEAD, Kind(4, 8, 0)])
    assert "--gpus-per-trial 0" in caught.value.remedy
    assert chosen([HEAD, Kind(4, 8, 0)], gpus=0).slots == 32


def test_an_empty_cluster_is_refused():
    with pytest.raises(UserError, match="no nodes"):
        chosen([], gpus=0)


def test_more_slots_than_there_may_be_are_refused():
    with pytest.raises(UserError, match="--slots is 1 to 3"):
        chosen([EIGHT], slots=4)
    with pytest.raises(UserError, match="found -1"):
        chosen([EIGHT], slots=-1)


def test_fewer_slots_than_there_are_leave_no_trial_waiting():
    assert chosen([EIGHT], slots=2).ahead == 0
    assert chosen([EIGHT], slots=3).ahead == chosen([EIGHT]).ahead == 1


def test_shares_that_ray_cannot_give_are_refused():
    with pytest.raises(UserError, match="a whole number"):
        chosen([EIGHT], gpus=1.5)


def test_what_is_promised_is_read_from_the_cluster_file_on_the_head(tmp_path):
    path = tmp_path / "bootstrap.yaml"
    kinds = {
        "head": {"resources": {"CPU": 0}, "max_workers": 0},
        "gpu_spot": {"resources": {"CPU": 8, "GPU": 1}, "max_workers": 4},
        "cpu": {"resources": {"CPU": 4}},
    }
    config = {"max_workers": 6, "head_node_type": "head", "available_node_types": kinds}
    path.write_text(yaml.safe_dump(config))
    assert promised(path) == [Kind(4, 8, 1), Kind(2, 4, 0)]
    assert promised(tmp_path / "none") == []
    path.write_text("[")
    assert promised(path) == []
