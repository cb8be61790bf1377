"""Builds substitutes for the base images of the containers where no registry can be reached.

An image that the Docker engine does not have, and that its registry does not provide, is built from Debian's packages
under the same tag, with the label `substitute=true`. This machine's certificates and settings for pip go into the
substitute of Debian, so that builds in it reach the same package index. Remove them with:
docker rmi $(docker images -q --filter label=substitute=true)
"""

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
DEBIAN = "debian:bookworm-slim"
MIRROR_SETTINGS = ("/etc/apt/sources.list.d/debian.sources",)
CERTIFICATES = Path("/usr/local/share/ca-certificates")
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
# Only variables that are valid inside a container, so no paths of this machine.
PASSED_ON = ("PIP_INDEX_URL", "PIP_DEFAULT_TIMEOUT", "PIP_TRUSTED_HOST", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
# Debian's packages for the other images, by name without tag.
PACKAGES = {
    "nginx": "nginx-light libnginx-mod-http-js curl gettext-base",
    "prom/prometheus": "prometheus",
    "prom/alertmanager": "prometheus-alertmanager",
}
# Bookworm's nginx is too old for the gateway, and its Alertmanager cannot read a webhook's URL from a file, so install
# a later Debian's over it. Check-Valid-Until is off because the lists of a snapshot mirror may have expired.
NEWER = r"""RUN sed -i -e '/-security/!s/bookworm\(-updates\)*/forky/g' -e '/^Suites:.*-security/aEnabled: no' \
    $(grep -rl bookworm /etc/apt/sources.list*)
RUN echo 'Acquire::Check-Valid-Until "false"; Dpkg::Options { "--force-overwrite"; };' >/etc/apt/apt.conf.d/newer
"""
SOURCES = {"nginx": NEWER, "prom/alertmanager": NEWER}
# What the gateway uses of the official image's entrypoint: it sources /docker-entrypoint.d/*.envsh, exports the name
# servers, and fills environment variables into templates.
ENTRYPOINT = r"""#!/bin/sh
set -e
for file in /docker-entrypoint.d/*.envsh; do [ ! -x "$file" ] || . "$file"; done
export NGINX_LOCAL_RESOLVERS="$(awk '$1 == "nameserver" { printf "%s ", $2 }' /etc/resolv.conf | sed 's/ $//')"
names=$(env | sed -n 's/^\([A-Za-z_0-9]*\)=.*/\1/p' | grep -E "${NGINX_ENVSUBST_FILTER:-.}" | sed 's/.*/${&}/')
for template in "${NGINX_ENVSUBST_TEMPLATE_DIR:-/etc/nginx/templates}"/*.template; do
  envsubst "$names" <"$template" >"${NGINX_ENVSUBST_OUTPUT_DIR:-/etc/nginx/conf.d}/$(basename "$template" .template)"
done
exec "$@"
"""
NGINX_EXTRAS = (
    f"RUN echo {base64.b64encode(ENTRYPOINT.encode()).decode()} | base64 --decode >/docker-entrypoint.sh"
    " && chmod +x /docker-entrypoint.sh && mkdir /docker-entrypoint.d\n"
    'ENTRYPOINT ["/docker-entrypoint.sh"]\nCMD ["nginx", "-g", "daemon off;"]\n'
    "STOPSIGNAL SIGQUIT\n"
)
# What the official image has and Debian's package does not.
EXTRAS = {
    "nginx": NGINX_EXTRAS,
    "prom/prometheus": 'RUN install -d -o 65534 -g 65534 /prometheus\nENTRYPOINT ["/bin/prometheus"]\n',
    "prom/alertmanager": (
        "RUN install -d -o 65534 -g 65534 /alertmanager && ln -s prometheus-alertmanager /bin/alertmanager\n"
        'ENTRYPOINT ["/bin/alertmanager"]\n'
    ),
}


def run(*command: str | Path, stdin: str | None = None) -> None:
    """Run a command and show its output only if it fails."""
    result = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if result.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{result.stdout[-3000:]}{result.stderr[-3000:]}")


def known(image: str) -> bool:
    """Say whether the engine has the image, or an up-to-date substitute."""
    labels = ["docker", "image", "inspect", "--format", "{{json .Config.Labels}}", image]
    found = subprocess.run(labels, capture_output=True, text=True, check=False)
    if found.returncode:
        return False
    label = json.loads(found.stdout) or {}
    return image == DEBIAN or "substitute" not in label or label.get("fingerprint") == fingerprint(dockerfile(image))


def pulled(image: str) -> bool:
    """Pull an image, and say whether that worked."""
    try:
        pull = subprocess.run(["docker", "pull", "--quiet", image], capture_output=True, check=False, timeout=300)
    except subprocess.TimeoutExpired:
        return False
    return pull.returncode == 0


def make_debian() -> None:
    """Import a minimal Debian with this machine's certificates, package mirror and settings for pip."""
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
        run("docker", "import", *options, "--change", "LABEL substitute=true", "--change", "CMD bash", archive, DEBIAN)


def dockerfile(image: str) -> str:
    """Return the Dockerfile of a substitute."""
    name = image.partition(":")[0]
    return (
        f"FROM {DEBIAN}\n"
        f"{SOURCES.get(name, '')}"
        f"RUN apt-get update && apt-get install --yes --no-install-recommends {PACKAGES.get(name, '')}"
        " && rm -rf /var/lib/apt/lists/*\n"
        f"{EXTRAS.get(name, '')}"
    )


def fingerprint(commands: str) -> str:
    """Return the label of a substitute built with this Dockerfile."""
    return hashlib.sha256(commands.encode()).hexdigest()[:12]


def make_from_debian(image: str) -> None:
    """Build a substitute from Debian's packages."""
    commands = dockerfile(image)
    run("docker", "build", "--label", f"fingerprint={fingerprint(commands)}", "--tag", image, "-", stdin=commands)


def main() -> None:
    """Provide every image that the stack needs, as far as possible."""
    services = (PROJECT / "docker-compose.yml").read_text(encoding="utf-8")
    images = [DEBIAN, *re.findall(r"^    image: ([\w./:-]+)$", services, re.MULTILINE)]  # not ${IMAGE}, which is built
    for image in dict.fromkeys(images):
        if known(image) or pulled(image):
            continue
        name = image.partition(":")[0]
        if image == DEBIAN:
            make_debian()
        elif name in PACKAGES:
            make_from_debian(image)
        else:
            print(f"{image}: not available, and Debian has no package for it")
            continue
        print(f"{image}: not in the registry, built a substitute")


if __name__ == "__main__":
    main()
