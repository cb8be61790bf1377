"""What is in an archive, in words."""

from handler.manifest import CLASSIFIER, ONNX_PROGRAM, PROOF, REFERENCE, TORCH_PROGRAM, Agreement, Manifest


def manifest(found: Manifest) -> str:
    """Return a manifest as lines of text."""
    height, width = found.input.size
    rows = {
        "name": f"{found.name} {found.version}{'  (fallback model)' if found.fallback else ''}",
        "source": found.source,
        "licence": found.licence,
        "weights": f"sha256 {found.weights_sha256}",
        **{_READER.get(file, file): f"{file}, sha256 {digest}" for file, digest in found.programs.items()},
        "precision": _precision(found),
        **{f"{measured.engine}, {measured.precision}": agreement(measured) for measured in found.agreement},
        "classes": f"{len(found.labels)}: {_some(found.labels)}",
        "scores": found.scores,
        "outputs": ", ".join(found.outputs),
        "input": f"{width} x {height} pixels, {found.input.interpolation}",
        "built with": ", ".join(f"{package} {version}" for package, version in found.built_with.items()),
    }
    return "\n".join(f"{name:<22}{value}" for name, value in rows.items())


def _some(labels: tuple[str, ...]) -> str:
    return ", ".join(labels if len(labels) <= 3 else (*labels[:2], f"… {labels[-1]}"))


def agreement(found: Agreement) -> str:
    """Return what a precision changed."""
    return (
        f"of {found.held_out} held-out inputs from {found.images}, {found.top_1_kept:.1%} keep their top-1 class "
        f"({found.confident_top_1_kept:.1%} of the {found.confident} where float32 is confident), "
        f"{found.top_5_kept:.1%} their top-5; "
        f"scores change by {found.score_change_mean:.3f}, 95 % by less than {found.score_change_p95:.3f}; "
        f"{'accepted' if found.accepted else 'not accepted'}"
    )


def _precision(found: Manifest) -> str:
    if found.precision == "int8":
        return f"{ONNX_PROGRAM} in 8 bits{', for CPUs with VNNI' if found.requires_vnni else ''}"
    return "float32, or bfloat16 where the CPU is faster in it" if found.accepts("bfloat16", "emulated") else "float32"


_READER = {
    ONNX_PROGRAM: "CPU program",
    TORCH_PROGRAM: "GPU program",
    PROOF: "proof",
    CLASSIFIER: "classifier",
    REFERENCE: "reference for drift",
}
