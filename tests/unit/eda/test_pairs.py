"""Pairs of images: similar hashes, and one finding for each take of a scene."""

import tracemalloc
from itertools import combinations

import numpy as np
import pytest
from PIL import Image

from eda.check.hashes import similar_codes
from eda.check.rules import NEAR_DUPLICATE_BITS
from tests.unit.eda.faults import copy_image, encode_image_again
from tests.unit.eda.folder import CocoFolder


def flip(code: int, bits: list[int]) -> int:
    for bit in bits:
        code ^= 1 << bit
    return code


def test_similar_hashes_are_those_of_a_full_comparison() -> None:
    rng = np.random.default_rng(0)
    seeds = [int(code) for code in rng.integers(0, 2**64, 40, dtype=np.uint64)]
    near = [flip(code, rng.choice(64, bits, replace=False).tolist()) for code in seeds for bits in range(1, 13)]
    codes = np.unique(np.array([*seeds, *near], dtype=np.uint64))
    expected = [
        (i, j, (int(codes[i]) ^ int(codes[j])).bit_count())
        for i, j in combinations(range(len(codes)), 2)
        if (int(codes[i]) ^ int(codes[j])).bit_count() <= NEAR_DUPLICATE_BITS
    ]
    assert len(expected) > 300
    assert list(similar_codes(codes, NEAR_DUPLICATE_BITS).itertuples(index=False, name=None)) == expected


@pytest.mark.parametrize("codes", [[], [5], [0, 2**64 - 1]])
def test_no_similar_hashes(codes: list[int]) -> None:
    assert similar_codes(np.array(codes, dtype=np.uint64), NEAR_DUPLICATE_BITS).empty


def test_each_take_of_a_scene_is_one_finding(coco: CocoFolder) -> None:
    coco.add_images(20)
    for image_id in range(102, 121):
        copy_image(coco, 101, image_id)
    assert coco.rules() == [("photo-duplicate", image_id, None) for image_id in range(102, 121)]


def test_the_same_file_is_named_before_a_similar_one(coco: CocoFolder) -> None:
    coco.add_images(3)
    encode_image_again(coco, 101, 102)
    copy_image(coco, 102, 103)
    assert coco.rules() == [("photo-duplicate", 103, None), ("photo-near-duplicate", 102, None)]


def test_a_leak_and_a_duplicate_in_its_split_are_two_findings(coco: CocoFolder) -> None:
    copy_image(coco, 1, 3)
    copy_image(coco, 1, 4)
    assert coco.rules() == [("leak-duplicate", 3, None), ("leak-duplicate", 4, None), ("photo-duplicate", 4, None)]


def test_blank_photos_are_not_similar(coco: CocoFolder) -> None:
    for image_id, level in ((1, 90), (2, 130)):
        coco.replace_image(image_id, Image.new("RGB", coco.draw(1).size, (level, level, level)))
    assert not [rule for rule, _, _ in coco.rules() if "duplicate" in rule]


def test_the_memory_of_similar_hashes_is_not_quadratic() -> None:
    codes = np.unique(np.random.default_rng(0).integers(0, 2**64, 30_000, dtype=np.uint64))
    tracemalloc.start()
    similar_codes(codes, NEAR_DUPLICATE_BITS)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # One byte for each pair would take 450 MB.
    assert peak < 45e6
