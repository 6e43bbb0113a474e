"""Talks with several devices at once, in one thread: all are asked before any answer is awaited.

A talk is a generator that yields when its question has gone out, and returns what was answered.
Who plays several of them in turns has every question on its way before he waits for the first
answer, so devices think at the same time. Layers hand a talk on by ``yield from``; a `with`
block in one of them lasts until the answer is there.
"""

from collections.abc import Generator, Iterable
from typing import Any, TypeVar

from .roles import Link

T = TypeVar("T")
Talk = Generator[None, None, T]


def finish(talk: Talk[T]) -> T:
    """Play one talk to its end."""
    try:
        while True:
            next(talk)
    except StopIteration as end:
        answer: T = end.value
    return answer


def together(talks: Iterable[Talk[T]]) -> Talk[list[T]]:
    """Make one talk of several, played in turns; answers come in the order of the talks.

    What one of them raises ends all: those that still wait for an answer are closed.
    """
    waiting = dict(enumerate(talks))
    answers: dict[int, Any] = dict.fromkeys(waiting)
    try:
        while waiting:
            for place, talk in list(waiting.items()):
                try:
                    next(talk)
                except StopIteration as end:
                    answers[place] = end.value
                    del waiting[place]
            if waiting:
                yield
    finally:
        for talk in waiting.values():
            talk.close()
    return list(answers.values())


def asking(link: Link, message: str, *, proven: bool = True) -> Talk[str]:
    """Ask one question over a link, as its `query` does, or as its `exchange` unless proven.

    A link that cannot be asked and heard in two halves is asked in one.
    """
    ask = getattr(link, "ask", None)
    if ask is None:
        yield
        return link.query(message) if proven else link.exchange(message)
    ask(message, proven=proven)
    yield
    answer: str = link.take()  # type: ignore[attr-defined]
    return answer
