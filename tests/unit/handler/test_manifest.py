"""model.json survives the round trip and nothing else passes for it."""

import json
from pathlib import Path

import pytest

from handler.manifest import Manifest, sha256_of


def test_round_trip(tiny_model: Path) -> None:
    manifest = Manifest.from_json((tiny_model / "model.json").read_text())
    assert Manifest.from_json(manifest.to_json()) == manifest
    assert manifest.input.size == (32, 32)
    assert manifest.labels[8:] == ("class 8", "class 8")


def test_a_manifest_from_before_there_were_several_precisions(tiny_model: Path) -> None:
    fields = json.loads((tiny_model / "model.json").read_text())
    del fields["agreement"], fields["precision"], fields["requires_vnni"]
    old = Manifest.from_json(json.dumps(fields | {"quantisation": None}))
    assert (old.precision, old.agreement) == ("float32", ())


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"input": 3}', "null", '{"name": "x"}'])
def test_what_is_no_manifest(text: str) -> None:
    with pytest.raises(ValueError, match="not a manifest"):
        Manifest.from_json(text)


def test_sha256_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    assert sha256_of(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
