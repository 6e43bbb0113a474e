"""How fast a community's benefit is shared out."""

import numpy as np
import pytest

from market.billing.benefit_sharing import BenefitSharing
from market.billing.rule import Tariffs
from market.sharing.core import objection
from market.sharing.game import EnergyGame
from market.sharing.nucleolus import nucleolus
from market.sharing.shapley import sampled_shapley, shapley

TARIFFS = Tariffs(retail_ticks=330, feed_in_ticks=80)


def meters(members):
    return np.random.default_rng(7).integers(-3_000_000, 3_000_000, members)


@pytest.mark.parametrize("members", [12, 16])
def test_bench_shapley(benchmark, members):
    shapley(EnergyGame(meters(members), TARIFFS))

    shares = benchmark(lambda: shapley(EnergyGame(meters(members), TARIFFS)))

    assert shares.sum() > 0


@pytest.mark.parametrize("members", [60, 1_000])
def test_bench_sampled_shapley(benchmark, members):
    game = EnergyGame(meters(members), TARIFFS)

    drawn = benchmark(sampled_shapley, game, seed=1)

    assert (drawn.half_width >= 0).all()


@pytest.mark.parametrize("members", [8, 12, 16])
def test_bench_nucleolus(benchmark, members):
    shares = benchmark(lambda: nucleolus(EnergyGame(meters(members), TARIFFS)))

    assert shares.sum() > 0


@pytest.mark.parametrize("members", [16, 60, 1_000])
def test_bench_who_objects(benchmark, members):
    game = EnergyGame(meters(members), TARIFFS)
    shares = np.full(members, game.total / members)
    objection(game, shares, tolerance=1_000, gap=1e-4 * game.total)

    found = benchmark(objection, game, shares, tolerance=1_000, gap=1e-4 * game.total)

    assert found.in_core is False


@pytest.mark.parametrize("members", [57, 10_000])
@pytest.mark.parametrize("by", ["contribution", "equal"])
def test_bench_benefit_sharing(benchmark, by, members):
    net = meters(members)
    rule = BenefitSharing(BenefitSharing.Options(by=by))
    rule.share(net, TARIFFS)

    bills = benchmark(rule.share, net, TARIFFS)

    assert bills.receives_ueur.sum() == bills.supplier_ueur
