from hypothesis import given
from hypothesis import strategies as st

from ingest.limits import Buckets, cost


def test_a_full_bucket_may_be_emptied_at_once():
    buckets = Buckets(rate=10, burst=100)
    assert buckets.take("a", 100, 0) == 0
    assert buckets.take("a", 5, 0) == 0.5
    assert buckets.take("b", 100, 0) == 0, "each peer has its own"
    assert buckets.take("a", 0, 0.5) == 0
    assert buckets.take("a", 100, 1000) == 0, "it fills up, and not beyond"
    assert buckets.take("a", 1, 1000) == 0.1


def test_refused_bytes_cost_more():
    assert cost(100, 0) == 100
    assert cost(100, 100) == 1600


def test_peers_are_bounded():
    buckets = Buckets(rate=1, burst=1, peers=10)
    for peer in range(100):
        buckets.take(str(peer), 1, peer)
    assert len(buckets._filled) == 10


@given(st.lists(st.tuples(st.floats(0, 50), st.floats(0, 5)), max_size=50))
def test_who_waits_as_told_never_exceeds_the_rate(steps: list[tuple[float, float]]):
    buckets, now, taken = Buckets(rate=10, burst=100), 0.0, 0.0
    for tokens, pause in steps:
        now += pause
        now += buckets.take("a", tokens, now)
        taken += tokens
        assert taken <= 100 + 10 * now + 1e-6
