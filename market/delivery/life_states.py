"""The states of a contract's life, and the one table of what leads from each to the next.

Steps A to G are those of smart-contract trading in "Peer-2-Peer energy market"
(arXiv 2003.07940): offer, request, match, collateral, contract, signatures, delivery.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

__all__ = ["DEAD", "ENDS", "PENDING", "TRANSITIONS", "Cause", "LimboError", "State", "follow"]


class State(Enum):
    """Where a contract stands in its life."""

    __hash__ = object.__hash__  # a member is one object; Enum hashes its name, in Python

    OFFERED = "offered"
    REQUESTED = "requested"
    MATCHED = "matched"
    ROUTED = "routed"
    QUOTED = "quoted"
    SECURED = "secured"
    DRAWN_UP = "drawn up"
    SIGNED = "signed"
    IN_FORCE = "in force"
    DELIVERING = "delivering"
    CALLED = "called"
    METERED = "metered"
    SETTLED = "settled"
    REFUSED = "refused"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class Cause(Enum):
    """What can happen to a contract."""

    __hash__ = object.__hash__

    REQUEST = "a request meets the offer"
    MATCH = "the market matches them"
    ROUTE = "the DSO gives path and fee"
    QUOTE = "the LPD quotes the collateral"
    ESCROW = "both sides put up collateral"
    DRAFT = "the market draws up the terms"
    SIGNATURES = "the last signature is valid"
    ENTRY = "everybody is told"
    START = "the delivery period begins"
    SHORTFALL = "a party falls short"
    READING = "the meters are read"
    SETTLEMENT = "the period is settled"
    REFUSAL = "a party refuses"
    DEADLINE = "the deadline passes"
    RUN_ENDS = "the run ends"
    STRAY = "a message comes again, late, or forged"


class Transition(NamedTuple):
    """One line of the table: the step it belongs to, who acts, and what it does."""

    step: str
    now: State
    cause: Cause
    then: State
    by: str
    effect: str


_AGREEING = (
    State.MATCHED,
    State.ROUTED,
    State.QUOTED,
    State.SECURED,
    State.DRAWN_UP,
)
_WAITING = (*_AGREEING, State.SIGNED, State.IN_FORCE, State.DELIVERING, State.CALLED)

_STEPS: Final = (
    ("B", State.OFFERED, Cause.REQUEST, State.REQUESTED, "buyer", "the offer's tokens are minted"),
    ("C", State.REQUESTED, Cause.MATCH, State.MATCHED, "market", "tokens are locked"),
    ("C", State.MATCHED, Cause.ROUTE, State.ROUTED, "DSO", "path and transport fee are known"),
    ("D", State.ROUTED, Cause.QUOTE, State.QUOTED, "LPD", "collateral of both sides is known"),
    ("D", State.QUOTED, Cause.ESCROW, State.SECURED, "both sides", "collateral goes to escrow"),
    ("E", State.SECURED, Cause.DRAFT, State.DRAWN_UP, "market", "terms as bytes, and their hash"),
    ("F", State.DRAWN_UP, Cause.SIGNATURES, State.SIGNED, "the four", "nobody can leave alone"),
    ("F", State.SIGNED, Cause.ENTRY, State.IN_FORCE, "market", "schedules go out"),
    ("G", State.IN_FORCE, Cause.START, State.DELIVERING, "clock", "meters count"),
    ("G", State.DELIVERING, Cause.SHORTFALL, State.CALLED, "meter", "cover is called"),
    ("G", State.CALLED, Cause.SHORTFALL, State.CALLED, "meter", "cover for what is still missing"),
    ("G", State.DELIVERING, Cause.READING, State.METERED, "meter", "nothing yet"),
    ("G", State.CALLED, Cause.READING, State.METERED, "meter", "nothing yet"),
    (
        "G",
        State.METERED,
        Cause.SETTLEMENT,
        State.SETTLED,
        "clearing house",
        "payment released, tokens burned, the rest expires",
    ),
)
_REFUSED = "collateral back, tokens free: the energy is unsold again"

TRANSITIONS: Final[tuple[Transition, ...]] = (
    *(Transition(*step) for step in _STEPS),
    Transition("D", State.QUOTED, Cause.REFUSAL, State.REFUSED, "either side", _REFUSED),
    Transition("F", State.DRAWN_UP, Cause.REFUSAL, State.REFUSED, "one of the four", _REFUSED),
    *(
        Transition("C–F", now, Cause.DEADLINE, State.EXPIRED, "clock", _REFUSED)
        for now in _AGREEING
    ),
    *(
        Transition("C–G", now, Cause.RUN_ENDS, State.CANCELLED, "clock", "collateral back")
        for now in _WAITING
    ),
    *(
        Transition("any", now, Cause.STRAY, now, "anybody", "noted in the record, no effect")
        for now in State
    ),
)
"""Every step that a contract can take; what is not here raises :class:`LimboError`."""

ENDS: Final = frozenset({State.SETTLED, State.REFUSED, State.EXPIRED, State.CANCELLED})
"""States that nothing leads out of."""
DEAD: Final = frozenset(ENDS - {State.SETTLED})
"""Ends without delivery: no money, no energy."""
PENDING: Final = frozenset(_AGREEING)
"""States that the deadline ends."""

_NEXT: Final = {(row.now, row.cause): row.then for row in TRANSITIONS}


class LimboError(Exception):
    """Something happened to a contract that cannot happen in its state."""


def follow(contract_id: int, now: State, cause: Cause) -> State:
    """Give the state that a cause leads to.

    Raises
    ------
    LimboError
        When :data:`TRANSITIONS` has no such step.
    """
    then = _NEXT.get((now, cause))
    if then is None:
        known = "; ".join(c.value for (state, c) in _NEXT if state is now)
        raise LimboError(
            f"contract {contract_id} is {now.value}: {cause.value!r} cannot happen to it now; "
            f"expected one of: {known}"
        )
    return then
