"""The peers compute what this project computes, and import nothing of it."""

import ast
import json
from dataclasses import asdict, replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from handler.decode.image import decode_image
from handler.decode.resize import to_input
from handler.manifest import InputSpec
from handler.model import normalize
from handler.settings import Settings
from scripts.bench.peers.images import Model
from tests.conftest import PROJECT, encoded, picture

SPEC = InputSpec(
    resize={"shortest_edge": 256},
    crop=(224, 224),
    interpolation="bicubic",
    rescale=1 / 255,
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
)
GREY_LEVEL = 1 / 255 / 0.224  # one of 256, in units of the network's input


def model(folder: Path, spec: InputSpec = SPEC) -> Model:
    manifest = {"input": asdict(spec), "labels": [f"class {index}" for index in range(8)]}
    (folder / "model.json").write_text(json.dumps(manifest))
    return Model(folder)


@pytest.mark.parametrize("size", [(640, 427), (427, 640), (300, 300)])
@pytest.mark.parametrize(
    "spec",
    [
        SPEC,
        replace(SPEC, resize={"height": 200, "width": 300}, crop=None),
        replace(SPEC, interpolation="bilinear"),
    ],
    ids=["resnet", "fixed size", "bilinear"],
)
def test_input_is_that_of_this_project(tmp_path: Path, spec: InputSpec, size: tuple[int, int]) -> None:
    body = encoded(picture(*size), "PNG")
    ours = normalize(to_input(decode_image(body, Settings.max_pixels), spec)[None], spec)
    theirs = model(tmp_path, spec).to_batch(body)
    assert theirs.dtype == np.float32
    assert theirs.shape == tuple(ours.shape)
    assert np.abs(theirs - ours.numpy()).max() < 2.5 * GREY_LEVEL  # both round twice, Pillow with other weights


def test_a_photo_is_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encoded(picture(300, 260), "PNG", exif=exif.tobytes())
    upright = encoded(Image.open(BytesIO(turned)).transpose(Image.Transpose.ROTATE_270), "PNG")
    peer = model(tmp_path)
    assert np.array_equal(peer.to_batch(turned), peer.to_batch(upright))


def test_top_5(tmp_path: Path) -> None:
    logits = np.array([0, 3, 1, 7, 2, 5, 4, 6], np.float32)
    predictions = model(tmp_path).top_5(logits)
    assert [prediction.class_id for prediction in predictions] == [3, 7, 5, 6, 1]
    assert predictions[0].label == "class 3"
    scores = torch.softmax(torch.from_numpy(logits), 0)
    assert predictions[0].score == pytest.approx(float(scores[3]))


@pytest.mark.parametrize("name", ["app_onnxruntime", "app_openvino", "images"])
def test_peers_import_nothing_else_of_this_project(name: str) -> None:
    tree = ast.parse((PROJECT / "scripts" / "bench" / "peers" / f"{name}.py").read_text(encoding="utf-8"))
    from_modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules = from_modules | {
        alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    own = {module for module in modules if module and module.partition(".")[0] in ("handler", "scripts", "eda")}
    assert own <= {"scripts.bench.peers.images"}
