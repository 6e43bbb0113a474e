"""Link classes against published airtimes and their own closed forms."""

from math import exp
from pathlib import Path

import pytest

from market.communication import LINKS, Link, LinkError
from market.communication.links import link_table, read_links
from market.communication.lorawan import airtime_s, silence_s

PAGE = (Path(__file__).parents[2] / "docs/communication.md").read_text(encoding="utf-8")


def test_airtime_is_that_of_the_published_sheet_of_semtechs_formulas():
    # The public sheet of AN1200.13's formulas: 13 bytes, SF9, CR 4/5, 125 kHz, preamble 8, header.
    assert airtime_s(13, 9) == pytest.approx(0.164864, abs=1e-9)
    assert airtime_s(13, 9) + silence_s(airtime_s(13, 9), 0.01) == pytest.approx(16.4864)


@pytest.mark.parametrize(
    ("spreading_factor", "ms"), [(7, 61.7), (8, 113.2), (9, 205.8), (10, 370.7), (12, 1482.8)]
)
def test_airtime_of_ten_bytes_is_what_calculators_show(spreading_factor, ms):
    # Ten bytes and LoRaWAN's 13, as calculators on the web show them (remembered).
    assert 1000 * airtime_s(23, spreading_factor) == pytest.approx(ms, abs=0.05)


def test_slow_symbols_carry_two_bits_less():
    # By hand for SF11, 23 bytes: symbols of 16.384 ms; 8·23 − 44 + 28 + 16 = 184 bits in blocks
    # of 4·9 make 6 of 5 symbols: 8 + 30 and 12.25 of preamble, 50.25 symbols.
    assert airtime_s(23, 11) == pytest.approx(50.25 * 0.016384)


def test_a_header_left_out_and_no_checksum_are_shorter():
    # By hand, SF7: 8·10 − 28 + 28 − 20 = 60 bits in blocks of 28 make 3 of 5; with all, 96: 4.
    bare = airtime_s(10, 7, explicit_header=False, crc=False)
    assert bare == pytest.approx((12.25 + 8 + 15) * 128 / 125_000)
    assert airtime_s(10, 7) == pytest.approx((12.25 + 8 + 20) * 128 / 125_000)


def test_a_long_message_is_cut_into_frames_that_lora_can_carry():
    assert LINKS["lorawan"].frames(250) == [115, 115, 20]
    assert LINKS["lte"].frames(250) == [250]


@pytest.mark.parametrize("link", [link for link in LINKS.values() if link.p95_s])
def test_the_quantiles_of_the_delay_are_those_of_the_table(link):
    assert link.quantile_s(0.5) == pytest.approx(link.median_s)
    assert link.quantile_s(0.95) == pytest.approx(link.p95_s)
    assert link.least_s <= link.quantile_s(1e-12) < link.median_s


def test_the_delay_is_a_shifted_lognormal():
    # One standard deviation of the logarithm above its middle is the 84.134th percentile.
    link = Link(name="made", least_s=1.0, median_s=3.0, p95_s=1.0 + 2.0 * exp(1.6448536269514722))
    assert link.quantile_s(0.8413447460685429) == pytest.approx(1.0 + 2.0 * exp(1.0))


def test_throughput_is_bits_over_time():
    link = Link(name="made", bits_per_s=1000.0, overhead_bytes=25)
    assert link.on_air_s(100) == 1.0


def test_every_number_of_every_link_says_where_it_is_from():
    for link in LINKS.values():
        assert all(link.sources.values())
        told = {"least_s", "median_s", "p95_s", "loss"}
        assert link.name == "ideal" or told <= link.sources.keys()


def test_all_faults_of_a_link_are_told_at_once():
    with pytest.raises(LinkError) as refused:
        Link(name="made", loss=1.5, duty_cycle=0.0, median_s=-1.0, spreading_factor=13)
    assert len(refused.value.faults) == 4
    assert "loss: 1.5, expected a probability from 0 to 1" in str(refused.value)


def test_a_table_that_cannot_be_is_refused_by_all_its_faults(tmp_path):
    file = tmp_path / "links.yaml"
    file.write_text("a: {loss: {value: 2, from: x}}\nb: {duty_cycle: {value: 2, from: x}}\n")
    with pytest.raises(LinkError) as refused:
        read_links(file)
    assert len(refused.value.faults) == 2


def test_only_the_ideal_link_is_ideal():
    assert [link.name for link in LINKS.values() if link.is_ideal] == ["ideal"]


def test_the_page_has_the_table_of_links():
    assert link_table() in PAGE
