"""Faults for tests to plant in a small folder."""

import json

from PIL import Image

from tests.unit.eda.folder import WIDTH, CocoFolder


def change_box(folder: CocoFolder, bbox: object, area: object = None) -> None:
    box = folder.box()
    box["bbox"] = bbox
    if area is None and isinstance(bbox, list) and len(bbox) == 4 and all(isinstance(v, int) for v in bbox):
        area = bbox[2] * bbox[3]
    box["area"] = box["area"] if area is None else area


def add_box(folder: CocoFolder, category_id: int, bbox: list[int]) -> None:
    area = bbox[2] * bbox[3]
    entry = {"id": 99, "image_id": 1, "category_id": category_id, "bbox": bbox, "area": area}
    folder.documents["train"]["annotations"].append(entry)


def repeat_image_id(folder: CocoFolder) -> None:
    folder.documents["train"]["images"].append({**folder.image(5), "id": 1})


def wrong_size(folder: CocoFolder) -> None:
    folder.documents["train"]["images"][0]["width"] = WIDTH + 1


def fields_smaller_than_boxes(folder: CocoFolder) -> None:
    folder.documents["train"]["images"][0]["width"] = 120


def no_boxes(folder: CocoFolder) -> None:
    folder.documents["train"]["annotations"] = folder.documents["train"]["annotations"][2:]


def missing_image(folder: CocoFolder) -> None:
    (folder.path / "images" / "1.jpg").unlink()


def truncate_image(folder: CocoFolder) -> None:
    path = folder.path / "images" / "1.jpg"
    path.write_bytes(path.read_bytes()[:-400])


def unlisted_image(folder: CocoFolder) -> None:
    folder.draw(9).save(folder.path / "images" / "stray.jpg")


def rename_image(folder: CocoFolder) -> None:
    (folder.path / "images" / "1.jpg").rename(folder.path / "images" / "1.png")
    folder.documents["train"]["images"][0]["file_name"] = "1.png"


def grey_image(folder: CocoFolder) -> None:
    folder.draw(1).convert("L").save(folder.path / "images" / "1.jpg")


def rotate_image(folder: CocoFolder) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    folder.draw(1).save(folder.path / "images" / "1.jpg", exif=exif)


def copy_image(folder: CocoFolder, source: int, target: int) -> None:
    images = folder.path / "images"
    (images / f"{target}.jpg").write_bytes((images / f"{source}.jpg").read_bytes())


def encode_image_again(folder: CocoFolder, source: int, target: int) -> None:
    folder.draw(source).save(folder.path / "images" / f"{target}.jpg", quality=40)


def repeat_box_id(folder: CocoFolder) -> None:
    folder.box(1)["id"] = folder.box(0)["id"]


def box_without_image(folder: CocoFolder) -> None:
    folder.box()["image_id"] = 77


def unknown_category(folder: CocoFolder) -> None:
    folder.box()["category_id"] = 6


def crowd(folder: CocoFolder) -> None:
    folder.box()["iscrowd"] = 1


def ignored_file(folder: CocoFolder) -> None:
    captions = {"images": [], "annotations": [{"id": 1, "image_id": 1, "caption": "two"}]}
    (folder.path / "annotations" / "captions_train.json").write_text(json.dumps(captions))


def upper_case_name(folder: CocoFolder) -> None:
    folder.documents["train"]["images"][0]["file_name"] = "1.JPG"


def text_for_a_number(folder: CocoFolder) -> None:
    folder.documents["train"]["images"][0]["width"] = str(WIDTH)


def one_id_for_two_categories(folder: CocoFolder) -> None:
    folder.documents["train"]["categories"][3]["id"] = 5


def one_category_twice(folder: CocoFolder) -> None:
    folder.documents["train"]["categories"].append({"id": 6, "name": "Mask"})


def similar_categories(folder: CocoFolder) -> None:
    folder.documents["train"]["categories"].append({"id": 6, "name": "face shield"})


def no_photo_of_a_split(folder: CocoFolder) -> None:
    for image in folder.documents["test"]["images"]:
        (folder.path / "images" / image["file_name"]).unlink()


def corners(folder: CocoFolder) -> None:
    add_box(folder, 3, [150, 60, 40, 50])
    add_box(folder, 4, [20, 60, 40, 50])
    folder.box(5)["id"] = 100
    for box in folder.documents["train"]["annotations"]:
        x, y, w, h = box["bbox"]
        box["bbox"] = [x, y, x + w, y + h]


def text_for_a_flag(folder: CocoFolder) -> None:
    folder.box()["iscrowd"] = "0"


def turn_box(folder: CocoFolder) -> None:
    folder.box()["attributes"] = {"occluded": False, "rotation": 330.0}


def no_area(folder: CocoFolder) -> None:
    del folder.box()["area"]
