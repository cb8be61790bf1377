"""A batch decodes together; what is wrong with one request, or hostile in it, is its own error."""

import base64
import json
import struct
import threading
import time
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor
from ts.context import Context

from handler.classifier import ImageClassifier
from handler.decode.deadline import call_within
from handler.decode.decoder import Decoder
from handler.decode.formats import open_image
from handler.decode.gpu import GpuDecoder
from handler.decode.image import decode_opened
from handler.decode.jpeg import Jpeg, decode_jpeg
from handler.decode.resize import to_input
from handler.manifest import InputSpec
from handler.settings import Settings
from tests.conftest import encoded, picture
from tests.unit.handler.batches import PHOTO, handled, loaded, new_context


def test_an_error_in_one_of_several_images_names_it(classifier: ImageClassifier, context: Context) -> None:
    instances = [{"b64": base64.b64encode(data).decode()} for data in (PHOTO, PHOTO[:-300])]
    row = {"body": json.dumps({"instances": instances}).encode()}
    ((status, _, body),) = handled(classifier, context, (row, {"Content-Type": "application/json"}))
    assert (status, json.loads(body)["detail"].split(":")[0]) == (422, "instance 1")


def test_the_pixel_limit_is_of_a_request_not_of_an_image(tiny_model: Path) -> None:
    context = new_context(tiny_model, {"handler": {"max_pixels": 5000}})  # one picture has 3072
    handler = loaded(context)
    instances = [{"b64": base64.b64encode(PHOTO).decode()}] * 2
    row = {"body": json.dumps({"instances": instances}).encode()}
    ((status, _, _),) = handled(handler, context, (row, {"Content-Type": "application/json"}))
    assert status == 413
    assert handled(handler, context, ({"body": PHOTO}, {}))[0][0] == 200


@pytest.mark.parametrize(("setting", "decoded"), [("exact", (1024, 1536)), ("scaled", (256, 384))])
def test_large_jpegs_are_decoded_as_the_setting_says(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, setting: str, decoded: tuple[int, int]
) -> None:
    seen: list[tuple[int, ...]] = []

    def watched(photo: Tensor, spec: InputSpec) -> Tensor:
        seen.append(tuple(photo.shape[1:]))
        return to_input(photo, spec)

    monkeypatch.setattr("handler.decode.decoder.to_input", watched)
    context = new_context(tiny_model, {"handler": {"large_jpegs": setting}})
    handler = loaded(context)
    photo = encoded(picture(1536, 1024), "JPEG")
    assert handled(handler, context, ({"body": photo}, {}))[0][0] == 200
    assert seen == [decoded]


@pytest.mark.parametrize("alone", [True, False])
def test_a_bug_in_a_step_is_a_500_for_its_request_alone(
    classifier: ImageClassifier,
    context: Context,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    alone: bool,
) -> None:
    def buggy(image: Image.Image, data: bytes, short_side: int) -> Tensor:
        if data != PHOTO:
            raise ZeroDivisionError("a secret of the server")
        return decode_opened(image, data, short_side)

    def buggy_elsewhere(jpeg: Jpeg) -> Tensor:
        if jpeg.data != PHOTO:
            raise ZeroDivisionError("a secret of the server")
        return decode_jpeg(jpeg)

    monkeypatch.setattr("handler.decode.decoder.decode_opened", buggy)
    monkeypatch.setattr("handler.decode.decoder.decode_jpeg", buggy_elsewhere)
    bodies = [PHOTO + b" "] if alone else [PHOTO + b" ", PHOTO]
    responses = handled(classifier, context, *[({"body": body}, {}) for body in bodies])
    assert [status for status, _, _ in responses] == ([500] if alone else [500, 200])
    assert b"secret" not in responses[0][2]
    assert "request id-0 failed in stage preprocess" in caplog.text


# An alarm that rings within a callback of the garbage collector is swallowed and reported; the next one is not.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_hostile_header_costs_its_request_and_no_other(
    classifier: ImageClassifier, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pillow reads 400,000 rationals of one EXIF tag at once, and then works on them in Python."""
    count, header = 400_000, 38
    entries = struct.pack("<HHII", 0x011A, 5, count, header) + struct.pack("<HHII", 0x0128, 3, 1, 2)
    tiff = b"II*\0\x08\0\0\0\x02\0" + entries + bytes(4) + struct.pack("<II", 7, 3) * count
    pieces = [tiff[start : start + 65_000] for start in range(0, len(tiff), 65_000)]
    exif = b"".join(b"\xff\xe1" + struct.pack(">H", len(piece) + 8) + b"Exif\0\0" + piece for piece in pieces)
    hostile = PHOTO[:2] + exif + PHOTO[20:]  # without its JFIF header, which says the resolution too
    monkeypatch.setattr(  # 4 s by default
        "handler.decode.deadline.call_within", lambda seconds, function: call_within(seconds / 10, function)
    )
    for batch in ([hostile], [hostile, PHOTO]):
        start = time.monotonic()
        responses = handled(classifier, context, *[({"body": data}, {}) for data in batch])
        assert [status for status, _, _ in responses] == [413, 200][: len(batch)]
        assert time.monotonic() - start < 3


def test_a_gpu_decodes_what_it_takes(
    context: Context, classifier: ImageClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torchvision's decoder on the CPU stands in for the GPU's."""
    monkeypatch.setattr(
        "handler.decode.decoder.open_gpu_decoder", lambda spec, *_: GpuDecoder(spec, torch.device("cpu"), 64_000_000)
    )
    with_gpu = loaded(context)
    instances = [{"b64": base64.b64encode(data).decode()} for data in (encoded(picture(), "PNG"), PHOTO)]
    several = ({"body": json.dumps({"instances": instances}).encode()}, {"Content-Type": "application/json"})
    batch = [({"body": PHOTO}, {}), ({"body": PHOTO[:-300]}, {}), several, ({"body": b"text"}, {})]
    responses, expected = (handled(one, context, *batch) for one in (with_gpu, classifier))
    assert [status for status, _, _ in responses] == [200, 422, 200, 415]
    assert responses[1] == expected[1]
    for found, known in zip(responses[::2], expected[::2], strict=True):
        assert _scores(found[2]) == pytest.approx(_scores(known[2]), abs=0.01)


def _scores(body: bytes) -> list[float]:
    """Return all scores of an answer."""
    document = json.loads(body)
    rows = document if isinstance(document, list) else [row for rows in document["predictions"] for row in rows]
    return [row["score"] for row in rows]


def test_photos_are_decoded_together_but_large_ones_one_at_a_time(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, working, most = threading.Lock(), 0, 0

    def slow(jpeg: Jpeg) -> Tensor:
        nonlocal working, most
        with lock:
            working += 1
            most = max(most, working)
        time.sleep(0.1)  # as a decoder that has let go of Python's lock
        with lock:
            working -= 1
        return decode_jpeg(jpeg)

    monkeypatch.setattr("handler.decode.decoder.decode_jpeg", slow)
    for max_pixels, expected in ((3 * 64 * 48, 3), (3 * 64 * 48 - 3, 1)):
        context = new_context(tiny_model, {"handler": {"threads": 3, "max_pixels": max_pixels}})
        classifier = loaded(context)
        most = 0
        responses = handled(classifier, context, *[({"body": PHOTO}, {})] * 3)
        assert [status for status, _, _ in responses] == [200] * 3
        assert most == expected


@pytest.mark.parametrize("images", [1, 2])
@pytest.mark.parametrize("format_name", ["JPEG", "PNG"])
def test_inputs_are_where_the_network_runs(classifier: ImageClassifier, images: int, format_name: str) -> None:
    device = torch.device("meta")
    decoder = Decoder(classifier.manifest.input, Settings(), classifier.metrics, 2, device)
    (decoded,) = decoder.decode([[encoded(picture(), format_name)] * images])
    assert [image.device for image in decoded.result()] == [device] * images


def decoder_of(classifier: ImageClassifier, settings: Settings | None = None) -> Decoder:
    return Decoder(classifier.manifest.input, settings or Settings(), classifier.metrics, 2, torch.device("cpu"))


def test_the_first_error_ends_a_request(classifier: ImageClassifier, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[bytes] = []

    def watched(data: bytes, max_pixels: int) -> Image.Image:
        opened.append(data)
        return open_image(data, max_pixels)

    monkeypatch.setattr("handler.decode.decoder.open_image", watched)
    whole = encoded(picture(), "PNG")
    damaged = whole[:-300]
    (future,) = decoder_of(classifier).decode([[damaged, b"text", whole]])
    assert str(future.exception()).startswith("instance 0: the PNG image is cut off")
    assert opened == [damaged]


def test_a_jpeg_that_only_pillow_decodes_is_scaled_in_a_batch_too(classifier: ImageClassifier) -> None:
    """Stray bytes before the last marker: simplejpeg warns of them."""
    data = encoded(picture(1536, 1024), "JPEG")
    odd = data[:-2] + bytes(range(1, 9)) + data[-2:]
    decoder = decoder_of(classifier, Settings(large_jpegs="scaled"))
    (alone,) = decoder.decode([[odd]])
    together, _ = decoder.decode([[odd], [data]])
    assert torch.equal(alone.result()[0], together.result()[0])
