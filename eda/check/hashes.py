"""Pairs of similar 64-bit hashes, without comparing each with each."""

from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

CHUNKS, CHUNK_BITS = 4, 16

Codes = npt.NDArray[np.uint64]


def similar_codes(codes: Codes, distance: int) -> pd.DataFrame:
    """Return the pairs of different hashes with at most `distance` different bits.

    `codes`: distinct hashes, shape (n,). Columns: first, second (positions, first < second) and bits.

    Multi-index hashing (Norouzi, Punjani and Fleet 2012): of two such hashes, one of the four chunks of 16 bits differs
    in at most `distance` / 4 bits. So each chunk is looked up in a table, with every choice of so few bits flipped.
    """
    chunks = [(codes >> np.uint64(CHUNK_BITS * n)) & np.uint64(2**CHUNK_BITS - 1) for n in range(CHUNKS)]
    pairs = np.unique(np.concatenate([pairs_by_chunk(codes, chunk, distance) for chunk in chunks]), axis=0)
    bits = np.bitwise_count(codes[pairs[:, 0]] ^ codes[pairs[:, 1]]).astype(int)
    return pd.DataFrame({"first": pairs[:, 0], "second": pairs[:, 1], "bits": bits})


def pairs_by_chunk(codes: Codes, chunk: Codes, distance: int) -> npt.NDArray[np.int64]:
    """Return the pairs within `distance`, shape (m, 2), whose chunks differ in at most `distance` / CHUNKS bits."""
    order = np.argsort(chunk, kind="stable")
    starts = np.searchsorted(chunk[order], np.arange(2**CHUNK_BITS + 1))
    found = [np.empty((0, 2), dtype=np.int64)]
    for flipped in range(distance // CHUNKS + 1):
        for bits in combinations(range(CHUNK_BITS), flipped):
            probe = (chunk ^ np.uint64(sum(1 << bit for bit in bits))).astype(np.int64)
            counts = starts[probe + 1] - starts[probe]
            first = np.repeat(np.arange(len(codes)), counts)
            within = np.arange(len(first)) - np.repeat(np.cumsum(counts) - counts, counts)
            second = order[np.repeat(starts[probe], counts) + within]
            similar = np.bitwise_count(codes[first] ^ codes[second]) <= distance
            found.append(np.column_stack([first, second])[similar & (first < second)])
    return np.concatenate(found)
