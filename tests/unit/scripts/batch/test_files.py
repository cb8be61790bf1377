"""Which images the words of a command line name."""

import io
from pathlib import Path

import pytest

from scripts.batch.files import files_of, names_files
from scripts.common.errors import CommandError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("photos/b.jpg", "photos/a.jpg", "photos/deep/er/c.png", "photos/.hidden", "photos/.git/x", "d.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "photos" / "link.jpg").symlink_to(tmp_path / "d.jpg")
    (tmp_path / "photos" / "broken.jpg").symlink_to(tmp_path / "gone")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def named(*words: str, stdin: bytes = b"") -> list[str]:
    return files_of(words, io.BytesIO(stdin))


@pytest.mark.usefixtures("folder")
def test_a_folder_is_its_files_and_those_of_its_subfolders() -> None:
    assert named("photos") == ["photos/a.jpg", "photos/b.jpg", "photos/link.jpg", "photos/deep/er/c.png"]


@pytest.mark.usefixtures("folder")
def test_patterns() -> None:
    assert named("photos/*.jpg") == ["photos/a.jpg", "photos/b.jpg", "photos/link.jpg"]
    assert named("**/*.png") == ["photos/deep/er/c.png"]


def test_absolute_patterns(folder: Path) -> None:
    assert named(f"{folder}/ph*/a.jpg") == [f"{folder}/photos/a.jpg"]


def test_a_file_whose_name_looks_like_a_pattern(folder: Path) -> None:
    (folder / "a[1].jpg").touch()
    assert named("a[1].jpg") == ["a[1].jpg"]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("stdin", [b"d.jpg\nphotos/a.jpg", b"d.jpg\n\nphotos/a.jpg\n", b"d.jpg\0photos/a.jpg\0"])
def test_names_on_stdin(stdin: bytes) -> None:
    assert named("-", stdin=stdin) == ["d.jpg", "photos/a.jpg"]


def test_names_that_are_no_utf_8() -> None:
    (name,) = named("-", stdin=b"\xff.jpg\n")
    assert Path(name).name.encode("utf-8", "surrogateescape") == b"\xff.jpg"


@pytest.mark.usefixtures("folder")
def test_each_image_comes_once() -> None:
    assert named("d.jpg", "*.jpg", "d.jpg") == ["d.jpg"]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("word", ["gone.jpg", "photos/*.gif"])
def test_a_word_that_names_nothing(word: str) -> None:
    with pytest.raises(CommandError, match=r"name (an image|images)"):
        named(word)


@pytest.mark.usefixtures("folder")
def test_a_models_name_is_no_file() -> None:
    assert [
        word for word in ("resnet-50", "resnet-50/1.0", "photos", "d.jpg", "*.jpg", "-") if not names_files(word)
    ] == [
        "resnet-50",
        "resnet-50/1.0",
    ]
