import json
import stat

import pytest

from market.delivery.ledger import Ledger, Posting, verify
from market.delivery.ledger_pseudonyms import Pseudonyms
from results.ledger_book import checked, entries


@pytest.fixture
def file(tmp_path):
    return tmp_path / "pseudonyms.json"


def test_a_peers_pseudonym_is_its_accounts_hmac_and_an_office_has_none(file):
    pseudonym = Pseudonyms(b"s", file)

    # By `printf peer:anna | openssl dgst -sha256 -hmac s`, the first sixteen digits.
    assert pseudonym("peer:anna") == "peer:51c04edaf596cb4c"
    assert pseudonym("guarantee_fund") == "guarantee_fund"


def test_another_secret_gives_another_pseudonym(file):
    assert Pseudonyms(b"s", file)("peer:anna") != Pseudonyms(b"t", file)("peer:anna")


def test_the_file_resolves_every_peer_and_is_its_owners_alone(file):
    pseudonym = Pseudonyms(b"s", file, ["peer:anna", "lpd"])
    assert json.loads(file.read_text())["accounts"] == {"peer:51c04edaf596cb4c": "peer:anna"}

    later = pseudonym("peer:bert")

    assert json.loads(file.read_text())["accounts"][later] == "peer:bert"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["pseudonyms.json"]


def test_what_is_written_names_no_peer_and_what_is_asked_does(file):
    path = file.with_name("ledger.sqlite")
    with Ledger(path, written_as=Pseudonyms(b"s", file)) as ledger:
        ledger.post(Posting(0, 0, 1, "price", "peer:anna", "peer:bert", 100))
        ledger.commit()
        assert ledger.balances() == {"peer:anna": -100, "peer:bert": 100}
        assert ledger.verify().ok

    assert b"anna" not in path.read_bytes()
    assert verify(path).ok
    assert [(one["debit"], one["credit"]) for one in entries(path)] == [("peer:anna", "peer:bert")]
    assert checked(path.parent, {})[1] == {"peer:anna": -100, "peer:bert": 100}
    (hidden,) = entries(path, resolved=False)
    assert hidden["debit"] == "peer:51c04edaf596cb4c"


def test_a_ledger_without_its_file_of_names_still_adds_up(file):
    path = file.with_name("ledger.sqlite")
    with Ledger(path, written_as=Pseudonyms(b"s", file)) as ledger:
        ledger.post(Posting(0, 0, 1, "price", "peer:anna", "dso", 100))
    file.unlink()

    assert checked(path.parent, {})[1] == {"peer:51c04edaf596cb4c": -100, "dso": 100}


def test_an_account_called_by_anothers_pseudonym_has_one_of_its_own(file):
    pseudonym = Pseudonyms(b"s", file, ["peer:anna"])

    assert pseudonym("peer:51c04edaf596cb4c") != "peer:51c04edaf596cb4c"
