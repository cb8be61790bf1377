"""What is in an archive, in words."""

from handler.manifest import ONNX_PROGRAM, Manifest, Quantisation


def manifest(found: Manifest) -> str:
    """Return a manifest as lines of text."""
    height, width = found.input.size
    rows = {
        "name": f"{found.name} {found.version}{'  (fallback model)' if found.fallback else ''}",
        "source": found.source,
        "licence": found.licence,
        "weights": f"sha256 {found.weights_sha256}",
        **{f"engine {_engine(file)}": f"{file}, sha256 {digest}" for file, digest in found.programs.items()},
        **_precision(found.quantisation),
        "classes": f"{len(found.labels)}: {found.labels[0]}, {found.labels[1]}, … {found.labels[-1]}",
        "input": f"{width} x {height} pixels, {found.input.interpolation}",
        "built with": ", ".join(f"{package} {version}" for package, version in found.built_with.items()),
    }
    return "\n".join(f"{name:<13}{value}" for name, value in rows.items())


def quantisation(found: Quantisation) -> str:
    """Return what 8 bits changed."""
    return (
        f"of {found.held_out} held-out inputs {found.top_1_kept:.1%} keep their top-1 class "
        f"({found.confident_top_1_kept:.1%} of the {found.confident} where float32 is confident), "
        f"{found.top_5_kept:.1%} their top-5; "
        f"scores change by {found.score_change_mean:.3f}, 95 % by less than {found.score_change_p95:.3f}"
    )


def _precision(found: Quantisation | None) -> dict[str, str]:
    if found is None:
        return {"precision": "float32"}
    where = ", for CPUs with VNNI" if found.requires_vnni else ""
    return {
        "precision": f"{ONNX_PROGRAM} in 8 bits{where}, calibrated on half of {found.calibration_set}",
        "": quantisation(found),
    }


def _engine(file: str) -> str:
    return "onnx" if file == ONNX_PROGRAM else "torch"
