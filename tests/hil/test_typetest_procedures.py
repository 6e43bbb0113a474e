"""The test of the tests: a sound inverter passes every step, one with a fault fails at its own."""

from dataclasses import replace

import pytest

from hil.typetest.bands import Accuracy, Curve
from hil.typetest.lab import Ratings
from hil.typetest.model_lab import ModelLab
from hil.typetest.run import PROCEDURES, run
from hil.typetest.setup import Setup
from models.inverters.standards import profiles

RATINGS = Ratings(p_kw=10.0, s_kva=10.0)
PROFILE = profiles()["ieee1547-2018-b-iii"]


class FaultyLab(ModelLab):
    """A model that was built or wired wrongly."""

    def __init__(self, *, mirrored=False, deaf=False, dt_s=0.1, profile=PROFILE, **replaced):
        def functions(overrides):
            sound = profile.functions(overrides)
            wrong = {
                name: replace(getattr(sound, name), **values) for name, values in replaced.items()
            }
            return replace(sound, **wrong)

        nominal_hz = profile.settings["f_nominal_hz"].value
        super().__init__(RATINGS, functions, f_nominal_hz=nominal_hz, dt_s=dt_s)
        self._mirrored, self._deaf = mirrored, deaf

    def set_limit(self, p_kw):
        super().set_limit(self.ratings.p_kw if self._deaf else p_kw)

    def observe(self, seconds, every_s):
        samples = super().observe(seconds, every_s)
        return [one._replace(q_kvar=-one.q_kvar) for one in samples] if self._mirrored else samples


EVENTS = ("ride-through", "trip", "enter-service")
SETTLED = tuple(key for key in PROCEDURES if key not in EVENTS)


def not_passed(lab, chosen=SETTLED, *, full=False, profile=PROFILE):
    trials = run(Setup(lab, profile, full=full), chosen)
    assert all(trial.steps for trial in trials)
    return {
        (trial.key, step.verdict)
        for trial in trials
        for step in trial.steps
        if step.verdict != "passed"
    }


@pytest.mark.parametrize(
    "name",
    [
        "ieee1547-2018-b-iii",
        *(
            pytest.param(name, marks=pytest.mark.soak)
            for name in profiles()
            if name != "ieee1547-2018-b-iii"
        ),
    ],
)
def test_a_sound_inverter_passes_every_step(name):
    profile = profiles()[name]
    assert not_passed(FaultyLab(profile=profile), profile=profile) == set()


@pytest.mark.soak
def test_a_sound_inverter_passes_all_characteristics_on_short_steps():
    assert not_passed(FaultyLab(dt_s=0.02), full=True) == set()


FAULTS = {
    "wrong corner of volt-var": (
        {"volt_var": {"v_pu": (0.92, 0.98, 1.06, 1.10)}},
        "volt-var",
    ),
    "slow volt-var": ({"volt_var": {"response_s": 20.0}}, "volt-var"),
    "volt-watt does nothing": ({"volt_watt": {"p_pu": (1.0, 1.0)}}, "volt-watt"),
    "half the droop": ({"frequency_droop": {"droop_over": 0.1}}, "frequency-droop"),
    "slow droop": ({"frequency_droop": {"response_s": 25.0}}, "frequency-droop"),
    "reversed excitation": ({"constant_pf": {"excitation": "inject"}}, "constant-pf"),
    "wrong Q": ({"constant_q": {"q_pu": 0.1}}, "constant-q"),
    "reversed watt-var": ({"watt_var": {"q_pu": (0.0, 0.0, 0.44)}}, "watt-var"),
    "limit ignored": ({"deaf": True}, "limit-power"),
    "limit too slow": ({"power_limit": {"ramp_s": 400.0}}, "limit-power"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_fails_in_its_own_procedure_and_in_no_other(fault):
    planted, where = FAULTS[fault]
    assert not_passed(FaultyLab(**planted)) == {(where, "failed")}


def test_a_wrong_sign_of_q_fails_wherever_q_is_judged():
    judged = {"volt-var", "constant-pf", "constant-q", "watt-var"}
    assert not_passed(FaultyLab(mirrored=True)) == {(name, "failed") for name in judged}


def test_a_slow_answer_fails_only_at_steps_large_enough_to_show_it():
    [trial] = run(
        Setup(FaultyLab(volt_var={"response_s": 20.0}), PROFILE, full=False), ["volt-var"]
    )
    for step in trial.steps:
        response = [one for one in step.criteria if one.what.startswith("share")]
        assert all(one.verdict == "failed" for one in response)
    assert any("too slow" in step.because for step in trial.steps)


def test_a_response_finer_than_the_samples_is_not_testable_never_passed():
    [trial] = run(Setup(FaultyLab(dt_s=0.1), PROFILE, full=True), ["frequency-droop"])
    verdicts = {
        one.verdict
        for step in trial.steps
        for one in step.criteria
        if step.series.startswith("curve 2") and one.what.startswith("share")
    }
    assert verdicts == {"not testable"}
    assert trial.verdict == "not testable"


def test_a_band_is_that_of_ieee_1547_1_by_hand():
    # Volt-var B at 1.05 p.u., 10 kVA: target −2.2 kvar. Over 1.05 ± 0.015 it goes from −1.1 to
    # −3.3 kvar, and 1.5 x 5 % of 10 kVA is 0.75 kvar.
    curve = Curve((0.92, 0.98, 1.02, 1.08), (4.4, 0.0, 0.0, -4.4))
    band = curve.band(1.05, 0.015, 0.75)
    assert (band.low, band.target, band.high) == pytest.approx((-4.05, -2.2, -0.35))


def test_a_band_holds_the_corner_between_its_ends():
    # By hand: the top of the roof at 1 lies between 0.5 and 1.5.
    band = Curve((0.0, 1.0, 2.0), (0.0, 1.0, 0.0)).band(1.0, 0.5, 0.1)
    assert (band.low, band.target, band.high) == pytest.approx((0.4, 1.0, 1.1))


def test_short_and_long_times_have_the_accuracy_of_table_3():
    # 1.5 x 2 cycles of 60 Hz are 50 ms; 1.5 % of 300 s are 4.5 s.
    accuracy = Accuracy(60.0)
    assert (accuracy.time_s(0.16), accuracy.time_s(300.0)) == pytest.approx((0.05, 4.5))
