"""FastAPI + OpenVINO."""

import os
import threading
from pathlib import Path

import openvino
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool

from scripts.bench.peers.images import MODEL_DIRECTORY, Model, Prediction

model = Model(Path(os.environ[MODEL_DIRECTORY]))
compiled = openvino.Core().compile_model(model.program, "CPU")
own = threading.local()  # an infer request computes one image at a time, so each thread has one
app = FastAPI()


def classify(body: bytes) -> list[Prediction]:
    """Return the top 5 of an image."""
    if not hasattr(own, "request"):
        own.request = compiled.create_infer_request()
    logits = own.request.infer([model.to_batch(body)])[0]
    return model.top_5(logits[0])


@app.post("/predict")
async def predict(request: Request) -> list[Prediction]:
    """Classify the image in the request's body."""
    predictions: list[Prediction] = await run_in_threadpool(classify, await request.body())
    return predictions
