"""Makes stand-ins for the base images of the container stack where no registry can be reached.

Every image that docker-compose.yml and the Dockerfile name is first asked of the engine, then of its registry; only
what neither has is made from Debian's packages under the same tag, with the label `stand-in=true`. The machine's own
certificates and its settings for pip go into the stand-in of Debian, so that a build inside it reaches what this
machine reaches. Remove them with: docker rmi $(docker images -q --filter label=stand-in=true)
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

PROJECT = Path(__file__).resolve().parents[2]
DEBIAN = "debian:bookworm-slim"
MIRROR_SETTINGS = ("/etc/apt/sources.list.d/debian.sources",)
CERTIFICATES = Path("/usr/local/share/ca-certificates")
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
# Only variables that mean the same inside a container: no paths of this machine.
PASSED_ON = ("PIP_INDEX_URL", "PIP_DEFAULT_TIMEOUT", "PIP_TRUSTED_HOST", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
# The other images, by name without tag: Debian's packages, and what the official image has beside them.
PACKAGES = {"nginx": "nginx-light curl", "prom/prometheus": "prometheus"}
# Bookworm's nginx is older than the official image and lacks what the gateway uses; the next Debian's is newer. Its
# packages are laid over bookworm's, and a mirror that is a snapshot may offer lists that are out of date by now.
NEWER = r"""RUN sed -i -e '/-security/!s/bookworm\(-updates\)*/forky/g' -e '/^Suites:.*-security/aEnabled: no' \
    $(grep -rl bookworm /etc/apt/sources.list*)
RUN echo 'Acquire::Check-Valid-Until "false"; Dpkg::Options { "--force-overwrite"; };' >/etc/apt/apt.conf.d/newer
"""
SOURCES = {"nginx": NEWER}
EXTRAS = {
    "prom/prometheus": 'RUN install -d -o 65534 -g 65534 /prometheus\nENTRYPOINT ["/bin/prometheus"]\n',
}


def run(*command: str | Path, stdin: str | None = None) -> None:
    """Run a command and show its output only if it fails."""
    result = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if result.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{result.stdout[-3000:]}{result.stderr[-3000:]}")


def known(image: str) -> bool:
    """Say whether the engine has an image, and not a stand-in that would be made differently now."""
    labels = ["docker", "image", "inspect", "--format", "{{json .Config.Labels}}", image]
    found = subprocess.run(labels, capture_output=True, text=True, check=False)
    if found.returncode:
        return False
    label = json.loads(found.stdout) or {}
    return image == DEBIAN or "stand-in" not in label or label.get("recipe") == recipe_label(dockerfile(image))


def pulled(image: str) -> bool:
    """Say whether the registry gave an image."""
    try:
        pull = subprocess.run(["docker", "pull", "--quiet", image], capture_output=True, check=False, timeout=300)
    except subprocess.TimeoutExpired:
        return False
    return pull.returncode == 0


def make_debian() -> None:
    """Import a minimal Debian with this machine's certificates, mirror and settings for pip."""
    if shutil.which("debootstrap") is None:
        sys.exit("debootstrap is not installed: install it (Debian: apt-get install debootstrap) and run again")
    with tempfile.TemporaryDirectory(prefix="debian-") as scratch:
        root = Path(scratch) / "root"
        run("debootstrap", "--variant=minbase", "--include=ca-certificates", "bookworm", root)
        for setting in filter(Path.exists, map(Path, MIRROR_SETTINGS)):
            (root / "etc/apt/sources.list").unlink(missing_ok=True)
            shutil.copy(setting, root / setting.relative_to("/"))
        for certificate in CERTIFICATES.glob("*.crt"):
            shutil.copy(certificate, root / CERTIFICATES.relative_to("/"))
        run("chroot", root, "update-ca-certificates")
        shutil.rmtree(root / "var/cache/apt/archives")
        (root / "var/cache/apt/archives/partial").mkdir(parents=True)
        changes = [f"{name}={value}" for name in PASSED_ON if (value := os.environ.get(name))]
        changes += [f"{name}={BUNDLE}" for name in ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")]
        options = [option for change in changes for option in ("--change", f"ENV {change}")]
        archive = Path(scratch) / "root.tar"
        run("tar", "--create", "--file", archive, "--directory", root, ".")
        run("docker", "import", *options, "--change", "LABEL stand-in=true", "--change", "CMD bash", archive, DEBIAN)


def dockerfile(image: str) -> str:
    """Return how a stand-in is built of Debian's own packages."""
    name = image.partition(":")[0]
    return (
        f"FROM {DEBIAN}\n"
        f"{SOURCES.get(name, '')}"
        f"RUN apt-get update && apt-get install --yes --no-install-recommends {PACKAGES.get(name, '')}"
        " && rm -rf /var/lib/apt/lists/*\n"
        f"{EXTRAS.get(name, '')}"
    )


def recipe_label(commands: str) -> str:
    """Return what tells one way to build a stand-in from another."""
    return hashlib.sha256(commands.encode()).hexdigest()[:12]


def make_from_debian(image: str) -> None:
    """Build an image of Debian's own packages."""
    commands = dockerfile(image)
    run("docker", "build", "--label", f"recipe={recipe_label(commands)}", "--tag", image, "-", stdin=commands)


def main() -> None:
    """Get every image that the stack needs and that can be had."""
    services = yaml.safe_load((PROJECT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    images = [DEBIAN, *(service["image"] for service in services.values() if "build" not in service)]
    for image in dict.fromkeys(images):
        if known(image) or pulled(image):
            continue
        name = image.partition(":")[0]
        if image == DEBIAN:
            make_debian()
        elif name in PACKAGES:
            make_from_debian(image)
        else:
            print(f"{image}: cannot be had here, and Debian has no package of it")
            continue
        print(f"{image}: no registry has it, made a stand-in")


if __name__ == "__main__":
    main()
