"""A short run of the fuzzers; ``make fuzz`` is the long one."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.check import check_frames, check_json
from fuzz.seeds import frames, payloads
from fuzz.wounds import mutated


def test_two_thousand_mutations_keep_the_promises():
    rng = random.Random(1)
    for check, seeds in ((check_frames, frames()), (check_json, payloads())):
        for seed in seeds:
            check(seed)
        for _ in range(1_000):
            check(mutated(rng.choice(seeds), seeds, rng))


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_any_bytes_keep_the_promises(data: bytes):
    check_frames(data)
    check_json(data)
