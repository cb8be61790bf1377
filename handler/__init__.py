"""What runs inside a TorchServe worker: images in, class names out.

Packed whole into every archive. It imports torch, Pillow, simplejpeg and an engine, and nothing of `scripts/` or
`eda/`; the model is known through `model.json` alone. An image's way is a straight line, wired by `classifier`::

    bytes -> preprocess (protocols, decode) -> inference (model, engines) -> postprocess (protocols) -> bytes
"""

from handler import telemetry

telemetry.turn_off()
