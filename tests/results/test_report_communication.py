"""The section on communication, from a table of messages made by hand."""

import pytest

from results.metrics import key_figures
from results.reading import Record
from results.report import write_report
from results.report_communication import communication_section
from results.tables import write_table


def message(kind, sender, sent_tick, arrived_tick, why, *, attempts=1, copies=0):
    return {
        "kind": kind,
        "sender": sender,
        "receiver": "market",
        "sequence": 0,
        "size_bytes": 16,
        "sent_tick": sent_tick,
        "deadline_tick": 60,
        "arrived_tick": arrived_tick,
        "attempts": attempts,
        "copies": copies,
        "why": why,
    }


MESSAGES = [
    message("offer", "mill", 0, 2, "arrived"),
    message("offer", "house 1", 0, None, "lost", attempts=3),
    message("alarm", "mill", 10, 40, "arrived", attempts=3, copies=1),
    message("reading", "house 1", 50, 61, "late"),
]


@pytest.fixture
def told(village_copy):
    folder = village_copy()
    write_table(folder, "messages", MESSAGES)
    return folder


def test_key_figures_say_what_did_not_come_and_how_long_the_rest_took(told):
    # By hand, ticks of a second: two of four in time, after 2 and 30 s.
    figures = {figure.key: figure for figure in key_figures(Record(told))}
    assert figures["messages_missed"].value == 2
    assert figures["messages_missed"].note == "of 4; 1 came too late"
    assert figures["message_delay_s"].value == 16.0
    assert figures["alarm_delay_s"].value == 30.0


def test_a_run_without_messages_has_neither_figures_nor_section(village):
    record = Record(village)
    assert communication_section(record) is None
    assert not [figure for figure in key_figures(record) if "message" in figure.key]


def test_the_section_counts_by_kind_and_names_what_did_not_come(told):
    section = communication_section(Record(told))
    assert [(line["kind"], line["sent"], line["missed"]) for line in section["kinds"]] == [
        ("offer", 2, 1),
        ("alarm", 1, 0),
        ("reading", 1, 1),
    ]
    assert [(row["sender"], row["effect"]) for row in section["amiss"]] == [
        ("house 1", "did not take part in the gate"),
        ("house 1", "settled without it"),
    ]
    assert section["told"][0] == "four messages sent; 1 lost on the way and 1 arrived too late."


def test_the_report_has_the_section(told):
    page = write_report(told).read_text("utf-8")
    assert '<section id="communication">' in page
    assert "took 30.0 s" in page
