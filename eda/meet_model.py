"""Send every photo to this project's model server and collect what an ImageNet classifier makes of it."""

from typing import Any

import pandas as pd
import requests
from tqdm import tqdm

from eda.dataset import Dataset
from eda.errors import ServerError, first_line

TOP_K = 5
TIMEOUT_SECONDS = 30.0

NEAR_PPE = (
    "mask",
    "gasmask",
    "lab coat",
    "gown",
    "apron",
    "poncho",
    "trench coat",
    "cloak",
    "sunglass",
    "shield",
    "helmet",
    "mitten",
    "shower cap",
)
"""Beginnings of words in the names of the ImageNet classes that come nearest to protective dress; among the
1,000 there are no goggles and no gloves."""


def served_model(management: str) -> str:
    """Return the name of the model that the server's management API lists; ServerError unless it is one."""
    try:
        answer = requests.get(f"{management.rstrip('/')}/models", timeout=TIMEOUT_SECONDS)
        answer.raise_for_status()
        served = [entry["modelName"] for entry in answer.json()["models"]]
    except (requests.RequestException, KeyError, TypeError) as error:
        raise ServerError(f"{management} does not list its models ({first_line(error)}); name one.") from error
    if len(served) != 1:
        listed = ", ".join(served) or "none"
        raise ServerError(f"{management} serves {len(served)} models ({listed}); name one with --model.")
    return str(served[0])


def ask_model(dataset: Dataset, server: str, model: str) -> pd.DataFrame:
    """Send the bytes of every photo to `<server>/predictions/<model>` and return the answers.

    One row for each photo and rank: image_row, rank (1 is best), class_id, label, score (0-1), problem ("").
    A photo that the server refuses, or that is missing, has one row of rank 0 with the reason. Raises
    ServerError when the server cannot be reached, has no such model or answers in another shape.
    """
    url = f"{server.rstrip('/')}/predictions/{model}"
    rows: list[dict[str, Any]] = []
    with requests.Session() as session:
        for row in tqdm([int(row) for row in dataset.images.index], desc=f"asking {model}", unit="photo"):
            try:
                content = dataset.photos.read(row)
            except OSError:
                rows.append(refused(row, "no photo"))
                continue
            rows += ask_once(session, url, row, content)
    return pd.DataFrame(rows, columns=["image_row", "rank", "class_id", "label", "score", "problem"])


def ask_once(session: requests.Session, url: str, row: int, content: bytes) -> list[dict[str, Any]]:
    """Send one photo; a refusal of the photo itself (4xx but 404) is a row, other trouble a ServerError."""
    headers = {
        "X-Top-K": str(TOP_K),
        "Content-Type": "application/octet-stream",
        "Accept": "application/json",
    }
    try:
        answer = session.post(url, data=content, headers=headers, timeout=TIMEOUT_SECONDS)
    except requests.RequestException as error:
        raise ServerError(f"{url} cannot be reached ({first_line(error)}); start it with `make serve`.") from error
    if 400 <= answer.status_code < 500 and answer.status_code != 404:
        return [refused(row, f"{answer.status_code} {problem_of(answer)}")]
    if not answer.ok:
        raise ServerError(f"{url} answered {answer.status_code}: {problem_of(answer)}.")
    try:
        return [
            {
                "image_row": row,
                "rank": rank,
                "class_id": int(entry["class_id"]),
                "label": str(entry["label"]),
                "score": float(entry["score"]),
                "problem": "",
            }
            for rank, entry in enumerate(answer.json(), start=1)
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise ServerError(f"{url} did not answer with a list of class_id, label and score.") from error


def refused(row: int, problem: str) -> dict[str, Any]:
    """Return the row of a photo that got no answer."""
    return {
        "image_row": row,
        "rank": 0,
        "class_id": -1,
        "label": "",
        "score": float("nan"),
        "problem": problem,
    }


def problem_of(answer: requests.Response) -> str:
    """Return the detail of a problem+json body, or the status's own words."""
    try:
        return str(answer.json()["detail"]).rstrip(".")
    except (ValueError, KeyError, TypeError):
        return answer.reason or "no reason given"


def near_ppe(labels: pd.Series) -> pd.Series:
    """Return which ImageNet labels name something near protective dress (NEAR_PPE)."""
    return labels.str.lower().str.contains("|".join(rf"\b{word}" for word in NEAR_PPE), regex=True)
