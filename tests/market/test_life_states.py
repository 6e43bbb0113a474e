"""Every state of a contract against everything that can happen to it."""

from itertools import product

import pytest

from market.delivery.life_states import (
    DEAD,
    ENDS,
    PENDING,
    TRANSITIONS,
    Cause,
    LimboError,
    State,
    follow,
)

# Written by hand from the story; a message that comes again, late or forged changes nothing and
# is left out here.
BY_HAND = {
    ("offered", "REQUEST"): "requested",
    ("requested", "MATCH"): "matched",
    ("matched", "ROUTE"): "routed",
    ("matched", "DEADLINE"): "expired",
    ("matched", "RUN_ENDS"): "cancelled",
    ("routed", "QUOTE"): "quoted",
    ("routed", "DEADLINE"): "expired",
    ("routed", "RUN_ENDS"): "cancelled",
    ("quoted", "ESCROW"): "secured",
    ("quoted", "REFUSAL"): "refused",
    ("quoted", "DEADLINE"): "expired",
    ("quoted", "RUN_ENDS"): "cancelled",
    ("secured", "DRAFT"): "drawn up",
    ("secured", "DEADLINE"): "expired",
    ("secured", "RUN_ENDS"): "cancelled",
    ("drawn up", "SIGNATURES"): "signed",
    ("drawn up", "REFUSAL"): "refused",
    ("drawn up", "DEADLINE"): "expired",
    ("drawn up", "RUN_ENDS"): "cancelled",
    ("signed", "ENTRY"): "in force",
    ("signed", "RUN_ENDS"): "cancelled",
    ("in force", "START"): "delivering",
    ("in force", "RUN_ENDS"): "cancelled",
    ("delivering", "SHORTFALL"): "called",
    ("delivering", "READING"): "metered",
    ("delivering", "RUN_ENDS"): "cancelled",
    ("called", "SHORTFALL"): "called",
    ("called", "READING"): "metered",
    ("called", "RUN_ENDS"): "cancelled",
    ("metered", "SETTLEMENT"): "settled",
}


@pytest.mark.parametrize(("now", "cause"), list(product(State, Cause)))
def test_a_contract_takes_the_steps_of_its_table_and_no_other(now, cause):
    then = now.value if cause is Cause.STRAY else BY_HAND.get((now.value, cause.name))
    if then is not None:
        assert follow(1, now, cause).value == then
    else:
        with pytest.raises(LimboError, match=f"contract 1 is {now.value}: .* cannot happen"):
            follow(1, now, cause)


def test_no_step_stands_twice_in_the_table():
    steps = [(row.now, row.cause) for row in TRANSITIONS]
    assert len(set(steps)) == len(steps)


def test_every_state_leads_to_an_end_and_no_end_leads_on():
    ways = {state: {r.then for r in TRANSITIONS if r.now is state} - {state} for state in State}
    assert {state for state in State if not ways[state]} == ENDS
    assert DEAD | {State.SETTLED} == ENDS
    for state in State:
        reached = {state}
        while not reached & ENDS:
            further = set().union(*(ways[s] for s in reached))
            assert further - reached
            reached |= further


def test_every_state_but_the_first_is_reached():
    assert {row.then for row in TRANSITIONS if row.then is not row.now} == set(State) - {
        State.OFFERED
    }


def test_what_is_pending_is_ended_by_its_deadline_and_nothing_else_is():
    assert {row.now for row in TRANSITIONS if row.cause is Cause.DEADLINE} == PENDING
