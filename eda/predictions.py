"""Send every image to this project's model server and collect the ImageNet classifier's predictions."""

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
"""Beginnings of words in the names of the ImageNet classes nearest to protective equipment. ImageNet-1k has no class
for goggles or gloves."""


def served_model(management: str) -> str:
    """Return the name of the only model that the management API lists; raise ServerError for none or several."""
    try:
        response = requests.get(f"{management.rstrip('/')}/models", timeout=TIMEOUT_SECONDS)
        response.raise_for_status()
        served = [entry["modelName"] for entry in response.json()["models"]]
    except (requests.RequestException, KeyError, TypeError) as error:
        raise ServerError(
            f"{management} does not list its models ({first_line(error)}); name one with --model."
        ) from error
    if len(served) != 1:
        listed = ", ".join(served) or "none"
        raise ServerError(f"{management} serves {len(served)} models ({listed}); name one with --model.")
    return str(served[0])


def predict_images(dataset: Dataset, server: str, model: str) -> pd.DataFrame:
    """Send the bytes of every image to `<server>/predictions/<model>` and return the predictions.

    One row for each image and rank: image_row, rank (1 is the top-1 class), class_id, label, score (0-1), problem ("").
    A missing or rejected image has one row of rank 0, with the reason as its problem. Raises ServerError if the server
    cannot be reached, does not serve the model or responds in another format.
    """
    url = f"{server.rstrip('/')}/predictions/{model}"
    rows: list[dict[str, Any]] = []
    with requests.Session() as session:
        for row in tqdm([int(row) for row in dataset.images.index], desc=f"predicting with {model}", unit="image"):
            try:
                content = dataset.files.read(row)
            except OSError:
                rows.append(rejected(row, "no image file"))
                continue
            rows += predict_image(session, url, row, content)
    return pd.DataFrame(rows, columns=["image_row", "rank", "class_id", "label", "score", "problem"])


def predict_image(session: requests.Session, url: str, row: int, content: bytes) -> list[dict[str, Any]]:
    """Send one image; a rejected image (4xx except 404) becomes a row, any other failure raises ServerError."""
    headers = {
        "X-Top-K": str(TOP_K),
        "Content-Type": "application/octet-stream",
        "Accept": "application/json",
    }
    try:
        response = session.post(url, data=content, headers=headers, timeout=TIMEOUT_SECONDS)
    except requests.RequestException as error:
        raise ServerError(f"{url} cannot be reached ({first_line(error)}); start it with `make serve`.") from error
    if 400 <= response.status_code < 500 and response.status_code != 404:
        return [rejected(row, f"{response.status_code} {problem_of(response)}")]
    if not response.ok:
        raise ServerError(f"{url} responded with status {response.status_code}: {problem_of(response)}.")
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
            for rank, entry in enumerate(response.json(), start=1)
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise ServerError(f"{url} did not respond with a list of class_id, label and score.") from error


def rejected(row: int, problem: str) -> dict[str, Any]:
    """Return the row of an image without a prediction."""
    return {
        "image_row": row,
        "rank": 0,
        "class_id": -1,
        "label": "",
        "score": float("nan"),
        "problem": problem,
    }


def problem_of(response: requests.Response) -> str:
    """Return the detail of a problem+json body, or the status's reason phrase."""
    try:
        return str(response.json()["detail"]).rstrip(".")
    except (ValueError, KeyError, TypeError):
        return response.reason or "no reason given"


def near_ppe(labels: pd.Series) -> pd.Series:
    """Return whether each ImageNet label names something near protective equipment (NEAR_PPE)."""
    return labels.str.lower().str.contains("|".join(rf"\b{word}" for word in NEAR_PPE), regex=True)
