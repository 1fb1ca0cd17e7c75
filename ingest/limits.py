"""What one gateway puts up with, in all and of one address (peer)."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from ingest.hj212.framer import MAX_FRAME_BYTES

_REFUSED_COSTS: Final = 16
"""A refused byte counts for so many: looking through rubbish costs more than reading frames."""

_PEERS: Final = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one gateway puts up with.

    Attributes:
        connections: open at a time.
        connections_per_peer: of one address; many devices may share one behind a carrier's NAT.
        connects_per_peer: new connections a second of one address, once it has used up a first
            ``connections_per_peer``; more are closed at once.
        bytes_per_peer: bytes a second of one address, once it has used up ``burst_per_peer``;
            what is more waits unread. A refused byte counts for 16.
        burst_per_peer: bytes that an address may send at once, such as a backlog.
        idle: silence after which a connection is closed.
        write_timeout: how long an answer may wait for a device that does not read.
        frame_bytes: longest frame.
        rubbish_bytes: so much without a good frame, and the connection is closed.
        in_flight: reads being published at a time, over all connections.
        packet_timeout: how long a message in parts may take.
    """

    connections: int = 20_000
    connections_per_peer: int = 1_000
    connects_per_peer: float = 50
    bytes_per_peer: float = 1 << 20
    burst_per_peer: float = 8 << 20
    idle: timedelta = timedelta(minutes=15)
    write_timeout: timedelta = timedelta(seconds=10)
    frame_bytes: int = MAX_FRAME_BYTES
    rubbish_bytes: int = 16_384
    in_flight: int = 256
    packet_timeout: timedelta = timedelta(seconds=60)


def cost(taken: int, refused: int) -> int:
    """What bytes count for, of which some were refused."""
    return taken + (_REFUSED_COSTS - 1) * refused


class Buckets:
    """A token bucket for each peer.

    Args:
        rate: tokens a second.
        burst: tokens of a full bucket.
        peers: so many are remembered at most, those that came last.
    """

    def __init__(self, rate: float, burst: float, peers: int = _PEERS) -> None:
        self._rate = rate
        self._burst = burst
        self._peers = peers
        self._filled: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, at which second

    def take(self, peer: str, tokens: float, now: float) -> float:
        """Take tokens, more than there are if need be.

        Args:
            peer: whose.
            tokens: how many.
            now: seconds of a clock that never goes back.

        Returns:
            Seconds until the bucket is out of debt; 0 if it is not in debt.
        """
        left, at = self._filled.pop(peer, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._rate) - tokens
        self._filled[peer] = (left, now)
        if len(self._filled) > self._peers:
            self._filled.popitem(last=False)
        return max(0.0, -left / self._rate)
