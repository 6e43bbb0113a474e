"""The post of a negotiation: carries offers between peers as the network lets it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
import simpy

from ..communication.channel import Channel, Radio
from .messages import OFFER_BYTES, Offer
from .talk import Network

__all__ = ["Post", "Receiver"]


class Receiver(Protocol):
    """Where offers arrive."""

    def take(self, sender: int, number: int, offer: Offer) -> None:
        """Receive the offer that a sender made in its step of that number."""
        ...


class Post:
    """Carries messages, each directed link by a channel of its own.

    Attributes
    ----------
    boxes : dict of int to Receiver
    sent, lost : int
        Messages so far; lost is also what a busy sender could not send.
    """

    def __init__(self, env: simpy.Environment, network: Network) -> None:
        self._env, self._seed, self._link = env, network.seed, network.links()
        self._channels: dict[tuple[int, int], Channel] = {}
        self._radios: dict[int, Radio] = {}
        self.boxes: dict[int, Receiver] = {}
        self.sent = self.lost = 0

    def send(self, sender: int, number: int, box: Mapping[int, Offer]) -> None:
        """Send the offers of one step, each to its partner."""
        now_s = float(self._env.now)
        for receiver, offer in box.items():
            self.sent += 1
            arrives_s = self._channel(sender, receiver).send(now_s, OFFER_BYTES).arrives_s
            if not arrives_s:
                self.lost += 1
                continue
            arrival = self._env.timeout(arrives_s[0] - now_s)
            arrival.callbacks.append(self._deliver(sender, receiver, number, offer))

    def _deliver(
        self, sender: int, receiver: int, number: int, offer: Offer
    ) -> Callable[[simpy.Event], None]:
        return lambda _: self.boxes[receiver].take(sender, number, offer)

    def _channel(self, sender: int, receiver: int) -> Channel:
        way = sender, receiver
        if way not in self._channels:
            seeds = np.random.SeedSequence(self._seed, spawn_key=way)
            radio = self._radios.setdefault(sender, Radio(self._link))
            self._channels[way] = Channel(self._link, np.random.default_rng(seeds), radio=radio)
        return self._channels[way]
