"""Messages as they travel: link classes from sources, seeded channels, retries and a courier."""

from __future__ import annotations

from .channel import Channel, Passage, Radio, Skew, Way
from .courier import Courier, Lines
from .links import LINKS, Link, LinkError
from .outages import AnyOf, NoOutages, Outages, RandomOutages, ScheduledOutages
from .retry import Delivery, Inbox, Retry, send

__all__ = [
    "LINKS",
    "AnyOf",
    "Channel",
    "Courier",
    "Delivery",
    "Inbox",
    "Lines",
    "Link",
    "LinkError",
    "NoOutages",
    "Outages",
    "Passage",
    "Radio",
    "RandomOutages",
    "Retry",
    "ScheduledOutages",
    "Skew",
    "Way",
    "send",
]
