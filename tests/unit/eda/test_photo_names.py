"""The forms of file names, and photos that are not where they should be."""

import shutil
import unicodedata

import pytest

from eda.coco import read_coco
from eda.dataset import Dataset
from eda.explore import explore
from tests.unit.eda.folder import CocoFolder, messages_of, move


def photo_named(coco: CocoFolder, on_disk: str, name: str) -> Dataset:
    """Return the data set with one photo on disk under one name and in the annotations under another."""
    move(coco.path, "images/1.jpg", on_disk)
    coco.documents["train"]["images"][0]["file_name"] = name
    return coco.dataset()


NFC, NFD = unicodedata.normalize("NFC", "é.jpg"), unicodedata.normalize("NFD", "é.jpg")


@pytest.mark.parametrize(
    ("on_disk", "name"),
    [
        ("images/1.jpg", "1.jpg"),
        ("images/1.jpg", "images/1.jpg"),
        ("images/a/b/1.jpg", "a/b/1.jpg"),
        ("images/train/1.jpg", "1.jpg"),
        ("train/1.jpg", "1.jpg"),
        ("1.jpg", "1.jpg"),
        ("images/ 1 .jpg", " 1 .jpg"),
        (f"images/{NFD}", NFD),
        ("images/1", "1"),
    ],
)
def test_usual_names_have_no_finding(coco: CocoFolder, on_disk: str, name: str) -> None:
    dataset = photo_named(coco, on_disk, name)
    assert messages_of(dataset) == []
    assert dataset.files.read(0)


@pytest.mark.parametrize(
    ("on_disk", "name"),
    [
        ("images/1.jpg", "./1.jpg"),
        ("images/1.jpg", "data/images/1.jpg"),
        ("images/1.jpg", "images\\1.jpg"),
        ("images/1.jpg", ".\\1.jpg"),
        ("images/1.jpg", "1.JPG"),
        ("images/IMG_1.JPG", "img_1.jpg"),
        ("images/1.jpg", "Images/1.jpg"),
        ("images/sub/1.jpg", "1.jpg"),
        ("images/sub/1.jpg", "other/1.jpg"),
        ("images/1.jpg", "/home/me/images/1.jpg"),
        ("images/1.jpg", "C:\\data\\images\\1.jpg"),
        ("images/1.jpg", "file:///data/1.jpg"),
        ("images/1.jpg", "../images/1.jpg"),
        ("images/1.jpg", "../../elsewhere/1.jpg"),
        ("images/1.jpg", "1a2b3c4d-1.jpg"),
        ("images/a photo.jpg", "a%20photo.jpg"),
        ("images/a photo.jpg", "/data/upload/3/1a2b3c4d-a%20photo.jpg"),
        ("images/1.jpg", "https://storage.example/pets/1.jpg?token=2&expires=3"),
        ("images/sub/1.jpg", "/data/local-files/?d=pets/sub/1.jpg"),
        ("images/sub/1.jpg", "/data/local-files/?d=pets%2Fsub%2F1.jpg"),
        ("images/1%20.jpg", "x/1%20.jpg"),
        (f"images/{NFD}", NFC),
        (f"images/{NFC}", NFD),
        ("images/straße.jpg", "STRASSE.jpg"),
    ],
)
def test_names_in_other_forms_are_found_with_a_finding(coco: CocoFolder, on_disk: str, name: str) -> None:
    dataset = photo_named(coco, on_disk, name)
    assert dataset.files.read(0) == (coco.path / on_disk).read_bytes()
    found = explore(dataset).findings
    assert found["rule"].to_list() == ["file-name-differs"]
    assert (coco.path / on_disk).name in found["message"].iloc[0]


@pytest.mark.parametrize("name", ["../outside.jpg", "/etc/outside.jpg", "a/../../../outside.jpg", "..\\outside.jpg"])
def test_no_file_outside_the_folder_is_read(coco: CocoFolder, name: str) -> None:
    coco.draw(1).save(coco.path.parent / "outside.jpg")
    coco.draw(1).save(coco.path.parent.parent / "outside.jpg")
    absolute = str((coco.path.parent / "outside.jpg").resolve())
    for written in (name, absolute):
        coco.documents["train"]["images"][0]["file_name"] = written
        found = explore(coco.dataset()).findings
        assert found["rule"].to_list() == ["photo-missing", "photo-unlisted"]
    assert found["message"].iloc[0].endswith("leads outside the folder")


def test_ambiguous_names_are_missing(coco: CocoFolder) -> None:
    for folder in ("a", "b"):
        (coco.path / "images" / folder).mkdir()
        shutil.copy(coco.path / "images" / "1.jpg", coco.path / "images" / folder / "1.jpg")
    (coco.path / "images" / "1.jpg").unlink()
    missing = explore(coco.dataset()).findings.iloc[0]
    assert missing["rule"] == "photo-missing"
    assert "2 files are named like it (images/a/1.jpg, images/b/1.jpg)" in missing["message"]


def test_the_longer_match_wins(coco: CocoFolder) -> None:
    for folder in ("a", "b"):
        (coco.path / "images" / folder).mkdir()
        coco.draw(len(folder) + ord(folder)).save(coco.path / "images" / folder / "1.jpg")
    (coco.path / "images" / "1.jpg").unlink()
    coco.documents["train"]["images"][0]["file_name"] = "/old/disk/B/1.jpg"
    assert coco.dataset().files.read(0) == (coco.path / "images" / "b" / "1.jpg").read_bytes()


@pytest.mark.parametrize("name", ["3.jpg", "./3.jpg", "x/3.jpg", "3.JPG"])
def test_the_photo_of_another_image_is_not_taken_for_a_missing_one(coco: CocoFolder, name: str) -> None:
    move(coco.path, "images/3.jpg", "images/test/3.jpg")
    coco.documents["train"]["images"][0]["file_name"] = name
    found = {rule: message for rule, message in messages_of(coco.dataset()) if rule != "photo-unlisted"}
    assert found == {"photo-missing": "photo: no such file; “images/test/3.jpg” is another image's"}


def test_linked_photos_and_a_link_back(coco: CocoFolder) -> None:
    elsewhere = coco.path.parent / "elsewhere"
    (coco.path / "images").rename(elsewhere)
    (coco.path / "images").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(coco.path)
    assert messages_of(coco.dataset()) == []


@pytest.mark.parametrize("prefix", ["img_", "x/"])
def test_all_photos_missing_is_one_sentence(coco: CocoFolder, prefix: str) -> None:
    for document in coco.documents.values():
        for image in document["images"]:
            name = image["file_name"]
            image["file_name"] = f"{prefix}{name}".replace(".jpg", "_rgb.jpg")
    found = [(rule, message) for rule, message in messages_of(coco.dataset()) if rule != "photo-unlisted"]
    assert [rule for rule, _ in found] == ["photo-missing-all"] * 2
    wanted = f"{prefix}3_rgb.jpg"
    assert found[0][1] == f"none of 2 photos was found: “{wanted}” was looked for, there is “1.jpg”"


def test_no_photo_is_there(coco: CocoFolder) -> None:
    shutil.rmtree(coco.path / "images")
    found = messages_of(read_coco(coco.path))
    assert [rule for rule, _ in found] == ["photo-missing-all"] * 2
    assert found[0][1].endswith("was looked for, there is no other photo")
