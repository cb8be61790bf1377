"""What a GPU decodes is what the CPU decodes. torchvision's decoder on the CPU takes its place where there is none."""

import dataclasses
import logging
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from handler.decode.fallback import JpegError
from handler.decode.formats import open_image
from handler.decode.gpu import GpuDecoder, open_gpu_decoder
from handler.decode.image import decode_image
from handler.decode.jpeg import Jpeg, read_jpeg
from handler.decode.resize import to_input
from handler.manifest import InputSpec, Manifest
from tests.conftest import encoded, picture

CPU = torch.device("cpu")
GPU = pytest.param(torch.device("cuda"), marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here"))
PHOTO = encoded(picture(640, 480), "JPEG", quality=90)
MAX_PIXELS = 64_000_000


@pytest.fixture
def spec(tiny_model: Path) -> InputSpec:
    return Manifest.from_json((tiny_model / "model.json").read_text()).input


@pytest.fixture(params=[CPU, GPU], ids=["cpu", "gpu"])
def decoder(request: pytest.FixtureRequest, spec: InputSpec) -> GpuDecoder:
    return GpuDecoder(spec, request.param, MAX_PIXELS)


def jpeg_of(data: bytes) -> Jpeg:
    found = read_jpeg(open_image(data, MAX_PIXELS), data, None)
    assert found
    return found


def inputs(decoder: GpuDecoder, jpegs: Sequence[Jpeg]) -> list[Future[Tensor]]:
    futures = [decoder.submit(jpeg) for jpeg in jpegs]
    decoder.run()
    assert decoder.submitted == []
    return futures


def near(found: Tensor, data: bytes, spec: InputSpec) -> bool:
    """Whether an input is the CPU's but for rounding."""
    off = (found.cpu().float() - to_input(decode_image(data, MAX_PIXELS), spec).float()).abs()
    return bool(off.mean() <= 0.5)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_jpeg_becomes_the_same_input(decoder: GpuDecoder, spec: InputSpec, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(picture(640, 480), "JPEG", quality=90, exif=exif)
    jpeg = jpeg_of(data)
    assert decoder.takes(jpeg)
    (found,) = inputs(decoder, [jpeg])
    assert found.result().dtype == torch.uint8
    assert near(found.result(), data, spec)


def test_several_at_once_in_groups_that_fit(
    decoder: GpuDecoder, spec: InputSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Grey and progressive JPEGs too."""
    files = [
        encoded(picture(300, 200).convert("L"), "JPEG"),
        encoded(picture(200, 300), "JPEG", progressive=True),
        PHOTO,
        encoded(picture(100, 80), "JPEG"),
    ]
    monkeypatch.setattr(decoder, "_max_pixels", 150_000)
    groups: list[int] = []
    together = GpuDecoder._together

    def counted(self: GpuDecoder, jpegs: list[Jpeg]) -> list[Tensor]:
        groups.append(len(jpegs))
        return together(self, jpegs)

    monkeypatch.setattr(GpuDecoder, "_together", counted)
    found = inputs(decoder, [jpeg_of(data) for data in files])
    assert groups == [2, 1, 1]
    assert all(near(future.result(), data, spec) for future, data in zip(found, files, strict=True))


def test_what_the_gpu_refuses_is_left_to_the_cpu_and_harms_nothing_else(decoder: GpuDecoder, spec: InputSpec) -> None:
    good = jpeg_of(PHOTO)
    broken = dataclasses.replace(good, data=PHOTO[:100])  # nvJPEG fills up missing pixels, but needs the header
    first, second, third = inputs(decoder, [good, broken, good])
    assert isinstance(second.exception(), JpegError)
    assert near(first.result(), PHOTO, spec)
    assert near(third.result(), PHOTO, spec)


def test_what_is_not_for_a_gpu(decoder: GpuDecoder) -> None:
    cmyk = encoded(picture(64, 64).convert("CMYK"), "JPEG")
    png = encoded(picture(64, 64), "PNG")
    assert read_jpeg(open_image(png, MAX_PIXELS), png, None) is None
    adobe_rgb = encoded(picture(64, 64), "JPEG", keep_rgb=True)
    assert not any(
        decoder.takes(jpeg_of(data)) for data in (cmyk, adobe_rgb, PHOTO[:-300], PHOTO.replace(b"\n", b"\r\n"))
    )


def test_a_cpu_has_no_gpu_decoder(spec: InputSpec) -> None:
    assert open_gpu_decoder(spec, CPU, MAX_PIXELS) is None


def test_a_gpu_that_cannot_decode_leaves_it_to_the_cpu(
    spec: InputSpec, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_gpu(self: GpuDecoder, found: object) -> None:
        raise RuntimeError("nvJPEG is not there")

    monkeypatch.setattr(GpuDecoder, "_together", no_gpu)
    with caplog.at_level(logging.WARNING):
        assert open_gpu_decoder(spec, torch.device("cuda"), MAX_PIXELS) is None
    assert caplog.messages == ["the GPU cannot decode JPEGs, the CPU does: nvJPEG is not there"]


def test_a_gpu_that_decodes_wrongly_is_not_used(
    spec: InputSpec, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(GpuDecoder, "_together", lambda *_: [torch.zeros(3, *spec.size, dtype=torch.uint8)])
    with caplog.at_level(logging.WARNING):
        assert open_gpu_decoder(spec, torch.device("cuda"), MAX_PIXELS) is None
    assert "grey levels off" in caplog.text


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_gpu_decodes(spec: InputSpec) -> None:
    assert open_gpu_decoder(spec, torch.device("cuda"), MAX_PIXELS) is not None
