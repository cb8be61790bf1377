"""What a GPU decodes is what the CPU decodes. torchvision's decoder on the CPU takes its place where there is none."""

import logging
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from handler.decode import decode, open_image
from handler.errors import RequestError
from handler.gpu import GpuDecoder, Jpeg, open_gpu_decoder
from handler.manifest import InputSpec, Manifest
from handler.transform import to_input
from tests.conftest import encoded, picture

CPU = torch.device("cpu")
GPU = pytest.param(torch.device("cuda"), marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here"))
PHOTO = encoded(picture(640, 480), "JPEG", quality=90)
MOST = 64_000_000


@pytest.fixture
def spec(tiny_model: Path) -> InputSpec:
    return Manifest.from_json((tiny_model / "model.json").read_text()).input


@pytest.fixture(params=[CPU, GPU], ids=["cpu", "gpu"])
def decoder(request: pytest.FixtureRequest, spec: InputSpec) -> GpuDecoder:
    return GpuDecoder(spec, request.param)


def accepted(decoder: GpuDecoder, data: bytes) -> Jpeg:
    image = open_image(data, MOST)
    assert decoder.takes(image)
    return decoder.accept(image, data)


def near(found: Tensor, data: bytes, spec: InputSpec) -> bool:
    """Whether an input is the CPU's but for rounding."""
    off = (found.cpu().float() - to_input(decode(data, MOST), spec).float()).abs()
    return bool(off.mean() <= 0.5)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_jpeg_becomes_the_same_input(decoder: GpuDecoder, spec: InputSpec, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(picture(640, 480), "JPEG", quality=90, exif=exif)
    ((found,),) = decoder.finish([[accepted(decoder, data)]], MOST)  # type: ignore[misc]
    assert found.dtype == torch.uint8
    assert near(found, data, spec)


def test_requests_keep_their_images(decoder: GpuDecoder, spec: InputSpec) -> None:
    """Grey and progressive JPEGs too, beside an image that the CPU has transformed already."""
    grey = encoded(picture(300, 200).convert("L"), "JPEG")
    progressive = encoded(picture(200, 300), "JPEG", progressive=True)
    ready = to_input(decode(PHOTO, MOST), spec)
    requests: list[list[Tensor | Jpeg]] = [[accepted(decoder, grey), ready], [accepted(decoder, progressive)]]
    first, second = decoder.finish(requests, MOST)
    assert not isinstance(first, RequestError)
    assert not isinstance(second, RequestError)
    assert [len(first), len(second)] == [2, 1]
    assert near(first[0], grey, spec)
    assert torch.equal(first[1].cpu(), ready)
    assert near(second[0], progressive, spec)


def test_a_damaged_jpeg_harms_nobody_else(decoder: GpuDecoder, spec: InputSpec) -> None:
    broken = Jpeg(PHOTO[:2000], 1)
    good = accepted(decoder, PHOTO)
    alone, beside, whole = decoder.finish([[broken], [good, broken], [good]], MOST)
    assert isinstance(alone, RequestError)
    assert alone.problem.slug == "damaged-image"
    assert isinstance(beside, RequestError)
    assert "instance 1" in str(beside.document())
    assert not isinstance(whole, RequestError)
    assert near(whole[0], PHOTO, spec)


def test_what_is_not_for_a_gpu(decoder: GpuDecoder) -> None:
    cmyk = encoded(picture(64, 64).convert("CMYK"), "JPEG")
    png = encoded(picture(64, 64), "PNG")
    assert not any(decoder.takes(open_image(data, MOST)) for data in (cmyk, png))


def test_a_cpu_has_no_gpu_decoder(spec: InputSpec) -> None:
    assert open_gpu_decoder(spec, CPU) is None


def test_a_gpu_that_cannot_decode_leaves_it_to_the_cpu(
    spec: InputSpec, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_gpu(self: GpuDecoder, found: object) -> None:
        raise RuntimeError("nvJPEG is not there")

    monkeypatch.setattr(GpuDecoder, "_together", no_gpu)
    with caplog.at_level(logging.WARNING):
        assert open_gpu_decoder(spec, torch.device("cuda")) is None
    assert caplog.messages == ["the GPU cannot decode JPEGs, the CPU does: nvJPEG is not there"]


def test_a_gpu_that_decodes_wrongly_is_not_used(
    spec: InputSpec, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(GpuDecoder, "_together", lambda *_: [torch.zeros(3, *spec.size, dtype=torch.uint8)])
    with caplog.at_level(logging.WARNING):
        assert open_gpu_decoder(spec, torch.device("cuda")) is None
    assert "grey levels off" in caplog.text


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_gpu_decodes(spec: InputSpec) -> None:
    assert open_gpu_decoder(spec, torch.device("cuda")) is not None
