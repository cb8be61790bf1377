"""YOLO's layout: data.yaml or classes.txt, and a text file of boxes for each photo."""

from pathlib import Path

import pytest

from eda.dataset import UNKNOWN_CLASS
from eda.errors import DataError
from eda.explore import explore
from eda.read.yolo import PHOTO_SUFFIXES
from eda.sources import read_folder
from tests.unit.eda.folder import HEIGHT, WIDTH, CocoFolder

NAMES = "names: [cat, dog, fox]\n"


class YoloFolder:
    """Two splits of a photo each, with the box [20, 30, 50, 60] of a dog."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for number, split in enumerate(("train", "val")):
            for part in ("images", "labels"):
                (path / part / split).mkdir(parents=True)
            CocoFolder.draw(number).save(path / "images" / split / f"{split}.jpg")
            self.label(split).write_text(f"1 {45 / WIDTH} {60 / HEIGHT} {50 / WIDTH} {60 / HEIGHT}\n")
        self.describe(f"train: images/train\nval: images/val\n{NAMES}")

    def label(self, split: str) -> Path:
        return self.path / "labels" / split / f"{split}.txt"

    def describe(self, text: str) -> None:
        (self.path / "data.yaml").write_text(text, encoding="utf-8")


@pytest.fixture
def yolo(tmp_path: Path) -> YoloFolder:
    return YoloFolder(tmp_path / "pets")


def test_two_splits(yolo: YoloFolder) -> None:
    dataset = read_folder(yolo.path)
    assert dataset.splits == ["train", "val"]
    assert dataset.classes == ("cat", "dog", "fox")
    assert dataset.images["file_name"].to_list() == ["images/train/train.jpg", "images/val/val.jpg"]
    assert dataset.images[["width", "height"]].to_numpy().tolist() == [[WIDTH, HEIGHT]] * 2
    assert dataset.boxes[["x", "y", "w", "h"]].to_numpy().tolist() == [[20, 30, 50, 60]] * 2
    assert set(dataset.boxes["category"]) == {"dog"}
    assert explore(dataset).findings.empty


@pytest.mark.parametrize(
    "text",
    [
        f"path: /content/datasets/pets\ntrain: images/train\nval: images/val\n{NAMES}",
        f"train: ../images/train\nval: ../images/val\n{NAMES}",
        f"train: C:\\pets\\images\\train\nval: ./images/val/\n{NAMES}",
        f"train: [images/train]\nval: [images/val]\n{NAMES}",
        "train: images/train\nval: images/val\nnames: {0: cat, 1: dog, 2: fox}\n",
        "train: images/train\nval: images/val\nnames: {'2': fox, '0': cat, '1': dog}\n",
        f"train: train.txt\nval: images/val\nnc: 3\n{NAMES}",
        f"\ufefftrain: images/train\nval: images/val\n{NAMES}",
        f"path: ../pets/images\ntrain: train\nval: val\n{NAMES}",
        f"path: /content/datasets/pets/images/\ntrain: [train]\nval: ./val\n{NAMES}",
    ],
)
def test_descriptions(yolo: YoloFolder, text: str) -> None:
    (yolo.path / "train.txt").write_text("./images/train/train.jpg\n")
    yolo.describe(text)
    dataset = read_folder(yolo.path)
    assert dataset.splits == ["train", "val"]
    assert set(dataset.boxes["category"]) == {"dog"}


@pytest.mark.parametrize("name", ["args.yaml", "a.yml", "docker-compose.yaml"])
def test_other_yaml_is_no_description(yolo: YoloFolder, name: str) -> None:
    (yolo.path / name).write_text("epochs: 100\n")
    assert read_folder(yolo.path).classes == ("cat", "dog", "fox")


def test_the_description_itself_can_be_named(yolo: YoloFolder) -> None:
    assert len(read_folder(yolo.path / "data.yaml").images) == 2


@pytest.mark.parametrize("name", ["a photo of  two.jpg", "ä.jpg", "val.jpg"])
@pytest.mark.parametrize("start", ["./images/val/", "/content/pets/images/val/", "images/val/"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "  \n\n", ""])
def test_a_list_of_photos(yolo: YoloFolder, name: str, start: str, end: str) -> None:
    (yolo.path / "images" / "val" / "val.jpg").rename(yolo.path / "images" / "val" / name)
    yolo.label("val").rename((yolo.path / "labels" / "val" / name).with_suffix(".txt"))
    (yolo.path / "val.txt").write_text(f"{start}{name}{end}", encoding="utf-8")
    yolo.describe(f"train: images/train\nval: val.txt\n{NAMES}")
    dataset = read_folder(yolo.path)
    assert dataset.images["file_name"].to_list() == ["images/train/train.jpg", f"images/val/{name}"]
    assert (len(dataset.boxes), dataset.notes) == (2, ())


@pytest.mark.parametrize("name", ["images/val/gone.jpg", "/etc/gone.jpg", "../gone.jpg"])
def test_a_listed_photo_that_is_missing_is_a_finding(yolo: YoloFolder, name: str) -> None:
    (yolo.path / "val.txt").write_text(f"images/val/val.jpg\n{name}\n")
    yolo.describe(f"train: images/train\nval: val.txt\n{NAMES}")
    found = explore(read_folder(yolo.path)).findings
    assert list(zip(found["rule"], found["file_name"], strict=True)) == [("photo-missing", name)]


@pytest.mark.parametrize("shape", ["[4, 2]", "[4, 3]", "[3, 3]"])
def test_keypoints_after_a_box_are_no_polygon(yolo: YoloFolder, shape: str) -> None:
    count, numbers = (int(digit) for digit in shape if digit.isdigit())
    points = " ".join(["0.9 0.1 2" if numbers == 3 else "0.9 0.1"] * count)
    yolo.describe(f"train: images/train\nval: images/val\nkpt_shape: {shape}\n{NAMES}")
    yolo.label("val").write_text(f"{yolo.label('train').read_text().strip()} {points}\n")
    assert read_folder(yolo.path).boxes[["x", "y", "w", "h"]].to_numpy().tolist() == [[20, 30, 50, 60]] * 2


def test_a_class_keeps_its_number_where_names_has_gaps(yolo: YoloFolder) -> None:
    yolo.describe("train: images/train\nval: images/val\nnames: {1: dog, 7: fox}\n")
    yolo.label("val").write_text("7 0.5 0.5 0.2 0.3\n")
    assert read_folder(yolo.path).boxes["category"].to_list() == ["dog", "fox"]


def test_roboflow_export(yolo: YoloFolder) -> None:
    for part in ("images", "labels"):
        (yolo.path / "train").mkdir(exist_ok=True)
        (yolo.path / part / "train").rename(yolo.path / "train" / part)
    yolo.describe(f"train: ../train/images\nval: ../valid/images\n{NAMES}")
    dataset = read_folder(yolo.path)
    assert dataset.images["file_name"].to_list() == ["train/images/train.jpg"]
    assert len(dataset.boxes) == 1


@pytest.mark.parametrize(
    "other",
    [
        None,
        '{"categories": [], "info": {"contributor": "Label Studio"}}',
        '{"images": 2, "annotations": {"cat": 1}}',
        "[1]",
        "3",
        "",
        '{"images": [',
        "[" * 100_000,
        "\x00",
        "\ud800",
    ],
)
def test_label_studio_export(yolo: YoloFolder, other: str | None) -> None:
    (yolo.path / "data.yaml").unlink()
    if other is not None:
        (yolo.path / "notes.json").write_text(other, errors="surrogatepass")
    (yolo.path / "classes.txt").write_text("cat\ndog\nfox\n")
    dataset = read_folder(yolo.path)
    assert dataset.splits == ["all"]
    assert dataset.classes == ("cat", "dog", "fox")
    assert len(dataset.boxes) == 2


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("1 0.5 0.5 0.2", "box-not-numbers"),
        ("1 0.5 0.5 0.2 x", "box-not-numbers"),
        ("1 nan 0.5 0.2 0.3", "box-not-numbers"),
        ("1", "box-not-numbers"),
        ("1 0.5 0.5 0 0.3", "box-not-positive"),
        ("1 0.9 0.5 0.4 0.3", "box-past-photo"),
        ("9 0.5 0.5 0.2 0.3", "box-class-unknown"),
        ("dog 0.5 0.5 0.2 0.3", "box-class-unknown"),
    ],
)
def test_a_bad_line_is_a_finding(yolo: YoloFolder, line: str, rule: str) -> None:
    yolo.label("val").write_text(f"0 0.2 0.2 0.1 0.2\n{line}\n")
    dataset = read_folder(yolo.path)
    assert len(dataset.boxes) == 3
    assert explore(dataset).findings["rule"].to_list() == [rule]
    assert (dataset.boxes["class_id"].iloc[-1] == UNKNOWN_CLASS) == (rule == "box-class-unknown")


@pytest.mark.parametrize(
    "line", ["1 0.1 0.25 0.35 0.25 0.35 0.75 0.1 0.75", "1 0.1 0.25 0.35 0.75 0.2 0.5", "1 0.225 0.5 0.25 0.5 0.9"]
)
def test_polygons_and_confidences(yolo: YoloFolder, line: str) -> None:
    yolo.label("val").write_text(line)
    assert read_folder(yolo.path).boxes[["x", "y", "w", "h"]].iloc[-1].to_list() == pytest.approx([20, 30, 50, 60])


def test_photo_without_a_label_file(yolo: YoloFolder) -> None:
    yolo.label("val").unlink()
    assert explore(read_folder(yolo.path)).findings["rule"].to_list() == ["image-without-boxes"]


def test_label_file_without_a_photo(yolo: YoloFolder) -> None:
    (yolo.path / "labels" / "val" / "other.txt").write_text("0 0.5 0.5 0.2 0.3\n")
    found = explore(read_folder(yolo.path)).findings
    assert found["rule"].to_list() == ["label-without-photo"]
    assert found["message"].to_list() == ["“labels/val/other.txt”"]


def test_hidden_label_files_are_no_labels(yolo: YoloFolder) -> None:
    for folder in ("labels/val", "__MACOSX/labels/val", ".cache/labels"):
        (yolo.path / folder).mkdir(parents=True, exist_ok=True)
        (yolo.path / folder / "._val.txt").write_bytes(b"\x00\x05\x16\x07")
    assert explore(read_folder(yolo.path)).findings.empty


def test_boxes_of_an_unreadable_photo_are_not_called_broken(yolo: YoloFolder) -> None:
    (yolo.path / "images" / "val" / "val.jpg").write_bytes(b"none")
    found = explore(read_folder(yolo.path)).findings
    assert found["rule"].to_list() == ["photo-unreadable", "label-without-photo"]
    assert found["message"].iloc[1] == "“labels/val/val.txt”"


@pytest.mark.parametrize("suffix", sorted(PHOTO_SUFFIXES))
def test_photo_formats(yolo: YoloFolder, suffix: str) -> None:
    CocoFolder.draw(7).save(yolo.path / "images" / "val" / f"more{suffix.upper()}")
    assert len(read_folder(yolo.path).images) == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("train: images/train\n", "no list 'names'"),
        ("names: 3\n", "no list 'names'"),
        ("names: {cat: 0}\n", "a key of 'names' is not a number"),
        ("names: [cat\n", "is not YAML"),
        ("- a\n- b\n", "no list 'names'"),
        (f"date: 2026-13-45\n{NAMES}", "is not YAML"),
        (f"train: images/train/train.jpg\n{NAMES}", "is no list of photos"),
        (f"train: nowhere\n{NAMES}", "leads to no photo"),
        (f"train: {'long' * 1250}\n{NAMES}", "leads to no photo"),
        (f"path: {'long/' * 1250}\ntrain: ..\\nowhere\n{NAMES}", "leads to no photo"),
    ],
)
def test_bad_descriptions_are_one_sentence(yolo: YoloFolder, text: str, words: str) -> None:
    yolo.describe(text)
    with pytest.raises(DataError, match=words) as caught:
        read_folder(yolo.path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [".", "./", "..", "[.]"])
@pytest.mark.parametrize("start", ["", "path: .\n", "path: /content/pets\n"])
def test_the_folder_itself_is_a_split(yolo: YoloFolder, value: str, start: str) -> None:
    yolo.describe(f"{start}train: {value}\n{NAMES}")
    assert len(read_folder(yolo.path).images) == 2
