"""What runs inside a TorchServe worker: photos in, class names out.

Packed whole into every archive. It imports torch, Pillow, simplejpeg and an engine, and nothing of `scripts/` or
`eda/`; the model is known through `model.json` alone. A request passes through one module a step::

    request -> decode -> transform -> engines -> answer     (wired by intake and classifier, described by manifest)
"""
