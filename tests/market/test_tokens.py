import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.delivery.tokens import TokenBook, TokenError


def test_delivered_tokens_burn_and_the_rest_expires():
    book = TokenBook()
    book.mint(0, "anna", 1000)
    book.lock(0, "anna", 700)
    book.burn(0, "anna", 600)
    assert book.rows()[0]["live_milliwh"] == 400
    book.expire(0)
    assert book.rows() == [
        {
            "period": 0,
            "peer": "anna",
            "minted_milliwh": 1000,
            "burned_milliwh": 600,
            "expired_milliwh": 400,
            "live_milliwh": 0,
        }
    ]


def test_a_token_is_promised_to_one_contract_only():
    book = TokenBook()
    book.mint(0, "anna", 1000)
    book.lock(0, "anna", 700)
    with pytest.raises(TokenError, match="400 mWh wanted, 300 of 1000 mWh minted are still free"):
        book.lock(0, "anna", 400)


def test_a_token_of_one_period_is_worth_nothing_in_another():
    book = TokenBook()
    book.mint(0, "anna", 1000)
    with pytest.raises(TokenError):
        book.lock(1, "anna", 1)


@pytest.mark.parametrize("milliwh", [701, -1])
def test_no_more_burns_than_was_locked(milliwh):
    book = TokenBook()
    book.mint(0, "anna", 1000)
    book.lock(0, "anna", 700)
    with pytest.raises(TokenError):
        book.burn(0, "anna", milliwh)


def test_an_expired_token_does_not_burn():
    book = TokenBook()
    book.mint(0, "anna", 1000)
    book.lock(0, "anna", 700)
    book.expire(0)
    with pytest.raises(TokenError, match="0 mWh locked and live"):
        book.burn(0, "anna", 1)


def test_nothing_is_promised_or_set_aside_for_a_period_that_has_ended():
    book = TokenBook()
    book.mint(0, "anna", 1000)
    book.expire(0)
    assert book.free_milliwh(0, "anna") == 0
    with pytest.raises(TokenError, match="period 0 has ended; 5 mWh"):
        book.mint(0, "anna", 5)
    with pytest.raises(TokenError, match="0 of 1000 mWh minted are still free"):
        book.lock(0, "anna", 1)
    book.expire(3)
    with pytest.raises(TokenError, match="period 3 has ended"):
        book.mint(3, "anna", 1)


def test_a_negative_promise_is_refused():
    with pytest.raises(TokenError, match="cannot mint -1 mWh"):
        TokenBook().mint(0, "anna", -1)


steps = st.lists(
    st.tuples(
        st.sampled_from(["mint", "lock", "burn", "expire"]), st.integers(0, 2), st.integers(0, 50)
    )
)


@given(steps)
def test_minted_is_burned_plus_expired_plus_live_at_any_time(actions):
    book = TokenBook()
    for action, period, milliwh in actions:
        try:
            if action == "expire":
                book.expire(period)
            else:
                getattr(book, action)(period, "anna", milliwh)
        except TokenError:
            pass
        for row in book.rows():
            spent = row["burned_milliwh"] + row["expired_milliwh"]
            assert row["minted_milliwh"] == spent + row["live_milliwh"]
            assert row["live_milliwh"] >= 0
