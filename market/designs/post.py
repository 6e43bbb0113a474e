"""The post of a negotiation: carries offers between peers as the network lets it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
import simpy

from .messages import Offer
from .talk import Network

__all__ = ["Post", "Receiver"]


class Receiver(Protocol):
    """Where offers arrive."""

    def take(self, sender: int, number: int, offer: Offer) -> None:
        """Receive the offer that a sender made in its step of that number."""
        ...


class Post:
    """Carries messages as the network lets it."""

    def __init__(self, env: simpy.Environment, network: Network) -> None:
        self._env, self._network = env, network
        self._luck: dict[tuple[int, int], np.random.Generator] = {}
        self.boxes: dict[int, Receiver] = {}
        self.sent = self.lost = 0

    def send(self, sender: int, number: int, box: Mapping[int, Offer]) -> None:
        for receiver, offer in box.items():
            self.sent += 1
            luck = self._luck_of(sender, receiver)
            if self._network.loss and luck.random() < self._network.loss:
                self.lost += 1
                continue
            late = luck.exponential(self._network.jitter_s) if self._network.jitter_s else 0.0
            arrival = self._env.timeout(self._network.delay_s + late)
            arrival.callbacks.append(self._deliver(sender, receiver, number, offer))

    def _deliver(
        self, sender: int, receiver: int, number: int, offer: Offer
    ) -> Callable[[simpy.Event], None]:
        return lambda _: self.boxes[receiver].take(sender, number, offer)

    def _luck_of(self, sender: int, receiver: int) -> np.random.Generator:
        way = sender, receiver
        if way not in self._luck:
            seeds = np.random.SeedSequence(self._network.seed, spawn_key=way)
            self._luck[way] = np.random.default_rng(seeds)
        return self._luck[way]
