"""An explanation as a client asked for it: JSON, or a picture of the image with the explanation over it."""

import json
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image
from torch.nn.functional import interpolate

from handler.decode.deadline import TimeBudget
from handler.decode.image import decode_image, upright_size
from handler.decode.jpeg import MIN_OVERSAMPLING
from handler.decode.resize import Region, region_of
from handler.explanations.method import Explanation
from handler.explanations.request import ExplainRequest
from handler.manifest import Manifest
from handler.protocols.encoding import Response
from handler.protocols.media_types import JSON, PNG

MAX_SIDE = 1024  # pixels of a picture: a larger one takes longer to compress than a prediction to compute
DIGITS = 5  # of a number in the grid
# The page's heat_map.js shows explanations in the same way, and lets the reader change the opacity.
OPACITY = 0.7  # of what speaks most for the class
GAIN = 1.6  # times as opaque is what speaks little
# From what speaks little to what speaks most: violet, red, yellow, ever lighter: it is seen without colours too.
COLOURS = np.array([[68, 28, 130], [190, 40, 120], [250, 120, 60], [255, 225, 110]], np.float32)


def respond(
    request: ExplainRequest,
    explanations: Sequence[Explanation],
    manifest: Manifest,
    max_pixels: int,
    budget: TimeBudget,
) -> Response:
    """Encode the explanations of a request's images, whose headers or pixels are read a second time.

    Args:
        request: what the client asks for.
        explanations: of each image.
        manifest: the model.
        max_pixels: most pixels of an image.
        budget: what the request's images have left of their time.

    Raises:
        RequestError: too-much-work.
    """
    if request.media_type == PNG:
        (data,), (explanation,) = request.images, explanations
        return Response(budget.run(lambda: _picture(data, explanation, manifest, max_pixels)), PNG)
    documents = budget.run(
        lambda: [
            _document(data, explanation, manifest, max_pixels)
            for data, explanation in zip(request.images, explanations, strict=True)
        ]
    )
    body: object = {"explanations": documents} if request.is_list else documents[0]
    return Response(json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(), JSON)


def _document(data: bytes, explanation: Explanation, manifest: Manifest, max_pixels: int) -> dict[str, Any]:
    width, height = upright_size(data, max_pixels)
    region = region_of(height, width, manifest.input)
    return {
        "class_id": explanation.class_id,
        "label": manifest.labels[explanation.class_id],
        "score": round(explanation.score, 6),
        "method": explanation.method,
        "width": width,
        "height": height,
        "region": {name: round(value, 2) for name, value in region._asdict().items()},
        "grid": [[float(f"{value:.{DIGITS}g}") for value in row] for row in explanation.grid.tolist()],
    }


def _picture(data: bytes, explanation: Explanation, manifest: Manifest, max_pixels: int) -> bytes:
    """Return the upright image as a PNG, with what speaks for the class in colours."""
    width, height = upright_size(data, max_pixels)
    shrink = min(1.0, MAX_SIDE / max(width, height))
    size = max(1, round(height * shrink)), max(1, round(width * shrink))
    # Of a large JPEG, no more pixels than the picture needs: all of a phone's largest photo would take 460 MB.
    pixels = decode_image(data, max_pixels, MAX_SIDE // MIN_OVERSAMPLING)
    image = interpolate(pixels[None], size, mode="bilinear", antialias=True)[0].permute(1, 2, 0).numpy()
    heat = _heat(explanation, region_of(height, width, manifest.input), (height, width), size)[..., None]
    steps = np.linspace(0, 1, len(COLOURS))
    colours = np.concatenate([np.interp(heat, steps, channel) for channel in COLOURS.T], axis=2)
    opacity = OPACITY * np.minimum(1, GAIN * heat)
    mixed = image * (1 - opacity) + colours * opacity
    buffer = BytesIO()
    Image.fromarray(mixed.astype(np.uint8)).save(buffer, PNG.partition("/")[2], compress_level=1)
    return buffer.getvalue()


def _heat(explanation: Explanation, region: Region, whole: tuple[int, int], size: tuple[int, int]) -> np.ndarray:
    """Return what speaks for the class, 0 to 1, for each pixel (height, width) of a picture.

    Args:
        explanation: it.
        region: what its grid covers.
        whole: height and width of the image.
        size: height and width of the picture.
    """
    grid = explanation.grid.clamp(min=0)
    grid = grid / grid.max().clamp(min=1e-12)
    down, across = (shown / pixels for shown, pixels in zip(size, whole, strict=True))  # not the same for a thin image
    left, top = round(region.left * across), round(region.top * down)
    inner = (max(1, round(region.width * across)), max(1, round(region.height * down)))
    smooth = Image.fromarray(grid.numpy().astype(np.float32)).resize(inner, Image.Resampling.BILINEAR)
    canvas = Image.new("F", size[::-1])
    canvas.paste(smooth, (left, top))
    return np.asarray(canvas)
