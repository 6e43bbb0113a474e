"""Steps C to F of a contract's life, told as simpy processes: fee, collateral, deed, signatures.

Contracts that are signed together travel together: with one signature per party and gate, all of
a gate; with four signatures under each, every one alone. What is lost on the way is not asked
for again here (the courier has tried until the deadline); the deadline ends what is left open.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from typing import Any, Literal

import simpy

from .carriage import Carriage, Ideal
from .clearing_house import ClearingHouse
from .contract import Clock, Contract
from .deed import draw_up
from .dues import DSO
from .envelope import MARKET, Answer, Envelope, Received, seal
from .life_states import Cause
from .period import LPD
from .period_book import Life, PeriodBook
from .risk import Collateral, FlatShare
from .signing import SIGNATURE_BYTES, KeyRing, SigningMode
from .steps import StepLog

__all__ = ["Agreements", "Procedure", "nobody"]

Step = Literal["quote", "signature"]
Refuses = Callable[[Step, str, Contract], bool]
"""Whether a party refuses its collateral, or its signature: (step, party, contract)."""
Asking = Generator[simpy.Event, Any, bool]
Story = Generator[simpy.Event, Any, None]

_FIGURES_BYTES = 24
"""A fee or a quote, with the number of its contract: three numbers of 8 bytes."""


def nobody(step: Step, party: str, contract: Contract) -> bool:
    """Refuse nothing."""
    return False


def _nowhere(seller: str, buyer: str) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, kw_only=True)
class Procedure:
    """How contracts are agreed.

    Attributes
    ----------
    signing : {'batched', 'each', 'none'}
        One signature per party under all contracts of a gate; four under each; or none.
    seed : int
        Everybody's keys follow from it.
    courier : Carriage
        Carries the messages.
    path : callable
        Buses that energy passes from seller to buyer.
    collateral : Collateral, optional
        What the LPD asks for; the flat share of the terms unless given.
    refuses : callable
        Who refuses what.
    lead_ticks : int
        How long before its period a contract must be signed by all.
    """

    signing: SigningMode = "batched"
    seed: int = 0
    courier: Carriage = field(default_factory=Ideal)
    path: Callable[[str, str], tuple[str, ...]] = _nowhere
    collateral: Collateral | None = None
    refuses: Refuses = nobody
    lead_ticks: int = 0


class Agreements:
    """Has contracts agreed by all four, or not.

    Parameters
    ----------
    env : simpy.Environment
        Counts ticks; advanced from outside.
    clock : Clock
    house : ClearingHouse
        Keeps the collateral.
    steps : StepLog
    procedure : Procedure
    """

    def __init__(
        self,
        env: simpy.Environment,
        clock: Clock,
        house: ClearingHouse,
        steps: StepLog,
        procedure: Procedure,
    ) -> None:
        self._env, self._clock, self._house, self._steps = env, clock, house, steps
        self._procedure, self._carry = procedure, procedure.courier.carry
        self.collateral = procedure.collateral or FlatShare(house.terms)
        self._keys = KeyRing(procedure.seed)
        self._envelopes: dict[int, Envelope] = {}
        terms = json.dumps(asdict(house.terms), sort_keys=True)
        self._rules = sha256(terms.encode()).hexdigest()

    def begin(self, lives: Sequence[Life], book: PeriodBook) -> None:
        """Let contracts of one gate be agreed from now on."""
        deadline = self.deadline(book.period)
        each = self._procedure.signing == "each"
        for group in [[life] for life in lives] if each else [list(lives)]:
            self._env.process(self._agree(group, book, deadline))

    def deadline(self, period: int) -> int:
        """Last tick at which a contract of a period can be agreed."""
        start = self._clock.start(period) - self._procedure.lead_ticks
        return max(start, int(self._env.now))

    # The stories

    def _agree(self, lives: list[Life], book: PeriodBook, deadline: int) -> Story:
        """C to F: the DSO's fee, the LPD's quote, both sides' collateral, the deed, signatures."""
        if not (yield from self._asked("fee", DSO, lives, deadline)):
            return
        self._route(lives)
        if not (yield from self._asked("quote", LPD, lives, deadline)):
            return
        standing = self._secure(lives)
        self._draw_up(standing, book)
        if self._procedure.signing == "none":
            for life in standing:
                life.agreed.succeed(Cause.SIGNATURES)
        elif standing:
            envelope = self._seal(standing, deadline)
            for party in envelope.of:
                self._env.process(self._sign(envelope, party))

    def _sign(self, envelope: Envelope, party: str) -> Story:
        """F: one party gets an envelope, looks into it, and answers."""
        lives = envelope.of_party(party)
        size = len(envelope.message) + sum(len(x.deed.text) for x in lives if x.deed)
        if not (yield from self._carried("deed", MARKET, party, lives, envelope.deadline, size)):
            return
        answer = self.answer(envelope, party)
        size = SIGNATURE_BYTES + 8 + 8 * len(answer.declined)
        way = ("signature", party, MARKET)
        if (yield from self._carried(*way, lives, envelope.deadline, size)):
            self.receive(answer)

    def _asked(self, what: str, whom: str, lives: list[Life], deadline: int) -> Asking:
        size = _FIGURES_BYTES * len(lives)
        there = (f"{what}_request", MARKET, whom)
        if not (yield from self._carried(*there, lives, deadline, size)):
            return False
        return (yield from self._carried(what, whom, MARKET, lives, deadline, size))

    def _carried(
        self, kind: str, sender: str, receiver: str, lives: list[Life], deadline: int, size: int
    ) -> Asking:
        """Send a message and wait for it; False where it never comes."""
        now = int(self._env.now)
        arrival = self._carry(kind, sender, receiver, now, deadline, size)
        if arrival is None:
            self._note_all(lives, kind, sender, "lost")
            return False
        if arrival > now:
            yield self._env.timeout(arrival - now)
        return True

    # The steps

    def _route(self, lives: list[Life]) -> None:
        """C: the DSO says which way the energy goes, and for which fee."""
        for life in lives:
            if life.pending:
                contract = life.contract
                life.path = self._procedure.path(contract.seller, contract.buyer)
                life.take(Cause.ROUTE)
                way = f" by {' > '.join(life.path)}" if life.path else ""
                self._note(life, "routed", DSO, f"{contract.fee_ticks} µ€/Wh{way}")

    def _secure(self, lives: list[Life]) -> list[Life]:
        """D: the LPD quotes, and who does not refuse puts up its collateral."""
        refuses, tick = self._procedure.refuses, int(self._env.now)
        secured = []
        for life in lives:
            if not life.pending:
                continue
            seller_ueur, buyer_ueur = self.collateral.quote(life.contract)
            life.contract = contract = replace(
                life.contract,
                collateral_seller_ueur=seller_ueur,
                collateral_buyer_ueur=buyer_ueur,
            )
            life.take(Cause.QUOTE)
            self._note(life, "quoted", LPD, f"{seller_ueur} and {buyer_ueur} µ€")
            sides = (contract.seller, contract.buyer)
            if by := [side for side in sides if refuses("quote", side, contract)]:
                self._refused(life, by[0], "collateral")
                continue
            self._house.hold_collateral(contract, tick)
            life.secured = True
            life.take(Cause.ESCROW)
            self._note(life, "secured", MARKET, "in escrow")
            secured.append(life)
        return secured

    def _draw_up(self, lives: list[Life], book: PeriodBook) -> None:
        """E: the market writes the contracts down."""
        start, end = self._clock.start(book.period), self._clock.end(book.period)
        for life in lives:
            life.deed = draw_up(
                life.contract,
                start_tick=start,
                end_tick=end,
                offer=life.offer,
                request=life.request,
                path=life.path,
                rules=self._rules,
            )
            life.take(Cause.DRAFT)
            self._note(life, "drawn up", MARKET, life.deed.digest.hex())

    def _seal(self, lives: list[Life], deadline: int) -> Envelope:
        number, batched = len(self._envelopes) + 1, self._procedure.signing == "batched"
        envelope = seal(number, lives, deadline, batched=batched)
        self._envelopes[number] = envelope
        return envelope

    def answer(self, envelope: Envelope, party: str) -> Answer:
        """Look into an envelope, and sign all that is in it but what is refused."""
        lives, refuses = envelope.of_party(party), self._procedure.refuses
        numbers = [life.contract.contract_id for life in lives]
        declined: tuple[int, ...] = tuple(numbers)
        if envelope.holds(party):
            declined = tuple(
                life.contract.contract_id
                for life in lives
                if refuses("signature", party, life.contract)
            )
        signature = self._keys.sign(party, envelope.signed_text(declined))
        return Answer(envelope.number, party, signature, declined)

    def receive(self, answer: Answer) -> Received:
        """Take a party's answer; only a valid one, in time and for the first time, counts."""
        envelope = self._envelopes.get(answer.envelope)
        if envelope is None:
            return "unknown"
        if answer.signer not in envelope.of:
            return "foreign"
        became = self._judge(envelope, answer)
        if became != "taken":
            for life in envelope.of_party(answer.signer):
                life.take(Cause.STRAY)
                self._note(life, "signature", answer.signer, became)
            return became
        envelope.answers[answer.signer] = answer
        for life in envelope.of_party(answer.signer):
            if life.pending:
                self._count(life, answer)
        return became

    def rows(self) -> list[dict[str, Any]]:
        """Give every signature that counted, with all that is needed to verify it again.

        `signed` is what was signed; with one signature for a gate, contract 0 stands for all.
        """
        return [
            {
                "envelope": number,
                "contract_id": 0 if envelope.tree else envelope.lives[0].contract.contract_id,
                "signer": signer,
                "signed": envelope.signed_text(answer.declined).hex(),
                "signature": answer.signature.hex(),
                "public_key": self._keys.public(signer).hex(),
            }
            for number, envelope in self._envelopes.items()
            for signer, answer in envelope.answers.items()
        ]

    def _judge(self, envelope: Envelope, answer: Answer) -> Received:
        if self._env.now > envelope.deadline:
            return "late"
        if answer.signer in envelope.answers:
            return "repeated"
        text = envelope.signed_text(answer.declined)
        fits = self._keys.verify(answer.signer, text, answer.signature)
        return "taken" if fits else "forged"

    def _count(self, life: Life, answer: Answer) -> None:
        """Count one party's word on one contract."""
        if life.contract.contract_id in answer.declined:
            self._refused(life, answer.signer, "signature")
            return
        self._note(life, "signed", answer.signer, "valid")
        life.unsigned.discard(answer.signer)
        if not life.unsigned:
            life.agreed.succeed(Cause.SIGNATURES)

    def _refused(self, life: Life, by: str, what: str) -> None:
        self._note(life, "refused", by, what)
        life.agreed.succeed(Cause.REFUSAL)

    def _note(self, life: Life, step: str, by: str, result: str) -> None:
        self._steps.note((life.contract.contract_id, int(self._env.now), step, by, result))

    def _note_all(self, lives: list[Life], step: str, by: str, result: str) -> None:
        for life in lives:
            self._note(life, step, by, result)
