"""A scenario's frequency: a process, a record or an event, and what cannot be."""

import pytest
from pydantic import ValidationError

from scenarios.frequency_traces import frequency_trace, trace_fault
from scenarios.schema_frequency import FrequencySpec
from scenarios.schema_island import GeneratorSpec


def test_a_process_has_no_trace(tmp_path):
    assert frequency_trace(FrequencySpec(), tmp_path) is None
    assert trace_fault(FrequencySpec(mode="nominal"), tmp_path) is None


def test_a_trace_lies_beside_the_scenario(tmp_path):
    (tmp_path / "day.csv").write_text("t_s,f_hz\n0,50\n10,49.5\n")
    trace = frequency_trace(FrequencySpec(trace="day.csv"), tmp_path)
    assert trace.f_hz.tolist() == [50, 49.5]


def test_an_unknown_event_is_told_with_those_that_are_known(tmp_path):
    key, text = trace_fault(FrequencySpec(event="gb-2018"), tmp_path)
    assert key == "event"
    assert "gb-2019-08-09" in text


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"event": "gb-2019-08-09", "trace": "a.csv"}, "expected one of the two"),
        ({"event": "gb-2019-08-09", "mode": "nominal"}, "stands beside event"),
        ({"trace": "a.csv", "deviation_hz": 0.1}, "stands beside trace"),
        ({"starts_after": "1 min"}, "needs a trace or an event to start"),
    ],
)
def test_two_sources_of_frequency_are_refused(given, expected):
    with pytest.raises(ValidationError) as refused:
        FrequencySpec.model_validate(given)
    assert expected in str(refused.value.errors()[0]["ctx"])


def test_a_reheat_turbine_leads_by_no_more_than_it_lags():
    given = {"name": "steam", "s_kva": 30, "p_max_kw": 27, "p_set_kw": 5, "turbine_lag_s": 7}
    assert GeneratorSpec(**given, turbine_lead_s=2.1).turbine_lead_s == 2.1
    with pytest.raises(ValidationError, match="turbine_lead_s"):
        GeneratorSpec(**given, turbine_lead_s=8)
