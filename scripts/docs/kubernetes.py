"""Generates the PrometheusRule of config/kubernetes/ from the rules that compose's Prometheus reads.

kustomize makes ConfigMaps of files, but cannot put a file's content into the spec of another resource.
"""

import re
import textwrap

from scripts.common.paths import CONFIG

# What an alert tells an operator to run, with compose and with kubectl.
ACTIONS = {
    r"docker compose ps": "kubectl get pods",
    r"docker compose logs (\w+)": r"kubectl logs deploy/\1",
    r"; make up starts (?:it|the missing ones)": "",
    r"set REPLICAS=N in \.env, then make up": "kubectl scale deploy/torchserve --replicas N",
}


def prometheus_rules() -> str:
    """Return the groups of config/prometheus/rules.yml, indented, with kubectl's commands."""
    text = (CONFIG / "prometheus" / "rules.yml").read_text(encoding="utf-8")
    for compose, kubectl in ACTIONS.items():
        text = re.sub(compose, kubectl, text)
    return textwrap.indent(text[text.index("groups:") :].rstrip(), "  ")
