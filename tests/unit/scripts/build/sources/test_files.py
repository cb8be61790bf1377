"""The small files of a directory, in the forms and encodings that people save them in."""

from pathlib import Path

import pytest

from scripts.build.sources import local
from scripts.common.errors import CommandError


def test_licence(directory: Path) -> None:
    (directory / "LICENSE.txt").write_text("mine")
    assert local.origin_of_directory(directory, "").licence == "see LICENSE.txt"
    (directory / "README.md").write_text("---\nlicense: mit\n---\n")
    assert local.origin_of_directory(directory, "").licence == "mit"


@pytest.mark.parametrize(
    ("front_matter", "licence"),
    [
        ("license: apache-2.0", "apache-2.0"),
        ('license: "mit"', "mit"),
        ("license: 'mit'  # a comment", "mit"),
        ("license: [mit, apache-2.0]", "mit, apache-2.0"),
        ("license:\n- mit\n- cc-by-4.0\ntags:\n- vision", "mit, cc-by-4.0"),
        ("tags:\n- vision\nlicense: Apache-2.0", "Apache-2.0"),
        ("License: MIT", "MIT"),
        ("license:\ntags:\n- vision", "unknown"),
        ("license: []", "unknown"),
        ("license: ''", "unknown"),
        ("license: [broken", "unknown"),
        ("- a list", "unknown"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_licence_of_a_model_card(directory: Path, front_matter: str, licence: str, encoding: str) -> None:
    card = f"---\nlanguage: fr\n{front_matter}\n---\n# Modèle\nlicense: see below\n"
    (directory / "README.md").write_bytes(card.encode(encoding))
    if front_matter.startswith("- "):
        (directory / "README.md").write_bytes(f"---\n{front_matter}\n---\n".encode(encoding))
    assert local.origin_of_directory(directory, "").licence == licence


@pytest.mark.parametrize(
    "card", [b"", b"# Model\n\nlicense: see the file\n", b"---\nlicense: mit\n", b"\xff\xfe\x00", b"\xff\xfd\x80"]
)
def test_a_model_card_without_a_licence_that_can_be_read(directory: Path, card: bytes) -> None:
    (directory / "README.md").write_bytes(card)
    assert local.origin_of_directory(directory, "").licence == "unknown"


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json"])
@pytest.mark.parametrize(("text", "sentence"), [("{broken", "is not JSON"), ("[]", "is not a JSON object")])
def test_broken_file(directory: Path, name: str, text: str, sentence: str) -> None:
    (directory / name).write_text(text)
    with pytest.raises(CommandError, match=sentence):
        local.check(directory)


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json"])
def test_missing_file(directory: Path, name: str) -> None:
    (directory / name).unlink()
    with pytest.raises(CommandError, match=f"has no {name}"):
        local.check(directory)


def test_only_pickles(directory: Path) -> None:
    (directory / "model.safetensors").rename(directory / "pytorch_model.bin")
    with pytest.raises(CommandError, match=r"only pickles \(pytorch_model\.bin\), which can run code"):
        local.check(directory)


def test_no_weights(directory: Path) -> None:
    (directory / "model.safetensors").unlink()
    with pytest.raises(CommandError, match="and has none"):
        local.check(directory)


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json"])
def test_a_byte_order_mark(directory: Path, name: str) -> None:
    (directory / name).write_bytes(b"\xef\xbb\xbf" + (directory / name).read_bytes())
    local.check(directory)
    assert local.load(directory).labels[0] == "class 0"


def test_a_pointer_of_git_lfs(directory: Path) -> None:
    (directory / "model.safetensors").write_text("version https://git-lfs.example/spec/v1\noid sha256:0\nsize 9\n")
    with pytest.raises(CommandError, match="is a pointer of Git LFS, not the weights: fetch them with git lfs pull"):
        local.check(directory)
