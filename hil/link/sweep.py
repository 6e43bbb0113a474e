"""Many devices in one round trip: write to all, then read from all.

Sixteen devices that think for 5 ms each answer together after about 6 ms instead of 88 ms, in
one thread, since they think at the same time.
"""

from collections.abc import Sequence

from hil.errors import BenchError

from .visa import VisaLink


def sweep(questions: Sequence[tuple[VisaLink, str]]) -> list[str | BenchError]:
    """Ask every device its question, then fetch every answer.

    Parameters
    ----------
    questions : sequence of (VisaLink, str)
        A link stands in it at most once.

    Returns
    -------
    list of str or BenchError
        In the order of the questions: the answer, or why there is none.

    Notes
    -----
    A device that fails costs only itself: every question goes out before any answer is waited
    for, each answer has its own link's timeout from its own question, and devices whose
    connection was lost are reconnected last, so that the slowest way to fail, a host that does
    not answer, keeps nobody's question back. The whole takes as long as the slowest timeout;
    who must not wait for that gives a device that failed a thread of its own.
    """
    if len({id(link) for link, _ in questions}) < len(questions):
        raise ValueError("a link stands twice in a sweep; one question at a time for each device")
    answers: list[str | BenchError | None] = [None] * len(questions)
    there = [n for n, (link, _) in enumerate(questions) if link.is_connected]
    gone = [n for n, (link, _) in enumerate(questions) if not link.is_connected]
    for group in (there, gone):
        for n in group:
            answers[n] = _ask(*questions[n])
        for n in group:
            if answers[n] is None:
                answers[n] = _take(questions[n][0])
    return [answer for answer in answers if answer is not None]


def _ask(link: VisaLink, question: str) -> BenchError | None:
    """Send a question; the fault, if it cannot be sent."""
    try:
        link.ask(question)
    except BenchError as fault:
        return fault
    return None


def _take(link: VisaLink) -> str | BenchError:
    """Fetch an answer, or the fault instead of it."""
    try:
        return link.take()
    except BenchError as fault:
        return fault
