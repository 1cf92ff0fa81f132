"""A slice of the fuzzing: what is kept, and a few hundred fresh inputs at each target.

The whole is ``benchmarks/fuzz.py``; BCONNECT_FUZZ=N tries N inputs a target here too.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import pytest
from fuzzing.all_targets import CORPUS, corpus, every
from fuzzing.engine import Target, fuzz

SEED = 1
INPUTS = int(os.environ.get("BCONNECT_FUZZ", "0"))


@pytest.mark.parametrize("target", every(), ids=[t.name for t in every()])
def test_no_input_breaks_it(target: Target, tmp_path: Path) -> None:
    kept = corpus(target.name)
    count = INPUTS or len(kept) + 25 + round(60 * target.share)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = fuzz(target, tmp_path, kept, SEED, count)
    assert result.inputs == count
    told = [f"{one.kind}: {one.what}\n{one.data[:300]!r}" for one in result.failures]
    assert not told, "\n".join(told)
    assert result.outcomes >= 2  # more than the first check was tried


def test_the_corpus_is_small() -> None:
    assert sum(p.stat().st_size for p in CORPUS.rglob("*") if p.is_file()) < 1 << 20
