"""Generates the PrometheusRule of config/kubernetes/ from the rules that compose's Prometheus reads.

kustomize makes ConfigMaps of files, but cannot put a file's content into the spec of another resource.
"""

import re
import textwrap

from scripts.common.paths import CONFIG

# What an alert tells an operator to do, with compose and with kubectl.
ACTIONS = {
    r"docker compose ps": "kubectl -n image-classifier get pods",
    r"docker compose logs (\w+)": r"kubectl -n image-classifier logs -l app.kubernetes.io/name=\1",
    r"make up starts (it|the missing ones)": "kubectl -n image-classifier describe pods says why",
    r"give the model servers more CPUs \([^)]*\)": (
        "kubectl -n image-classifier scale deployment/torchserve --replicas N, or raise the autoscaler's maximum"
    ),
}


def prometheus_rules() -> str:
    """Return the groups of config/prometheus/rules.yml, indented, with kubectl's commands."""
    text = (CONFIG / "prometheus" / "rules.yml").read_text(encoding="utf-8")
    for compose, kubectl in ACTIONS.items():
        text = re.sub(compose, kubectl, text)
    return textwrap.indent(text[text.index("groups:") :].rstrip(), "  ")
