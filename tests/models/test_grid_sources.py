"""Networks by name, made by somebody else's code."""

import random

import pytest

from models.grid.sources import NoSuchNetwork, made_net


def test_a_network_that_draws_cables_is_the_same_every_time_and_leaves_chance_alone():
    random.seed(99)
    expected = random.random()
    random.seed(99)

    first, second = (made_net("pandapower:create_kerber_dorfnetz") for _ in range(2))

    assert first.line["std_type"].equals(second.line["std_type"])
    assert random.random() == expected


@pytest.mark.parametrize(
    ("reference", "because"),
    [
        ("pandapower:create_atlantis", "has no function 'create_atlantis'"),
        ("pandapower:os", "has no function 'os'"),
        ("simbench:1-LV-nowhere", "no network of the code '1-LV-nowhere'"),
        ("matpower:case14", "no network source 'matpower'"),
    ],
)
def test_a_name_that_makes_no_network_says_why(reference, because):
    with pytest.raises(NoSuchNetwork, match=because):
        made_net(reference)


def test_a_simbench_code_makes_its_network():
    assert len(made_net("simbench:1-LV-rural1--0-sw").load) == 13
