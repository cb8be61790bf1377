"""FastAPI + ONNX Runtime."""

import os
from pathlib import Path

import onnxruntime
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool

from scripts.bench.peers.images import MODEL_DIRECTORY, Model, Prediction

model = Model(Path(os.environ[MODEL_DIRECTORY]))
session = onnxruntime.InferenceSession(model.program, providers=["CPUExecutionProvider"])  # threads may share it
input_name = session.get_inputs()[0].name
app = FastAPI()


def classify(body: bytes) -> list[Prediction]:
    """Return the top 5 of an image."""
    (logits,) = session.run(["logits"], {input_name: model.to_batch(body)})
    return model.top_5(logits[0])


@app.post("/predict")
async def predict(request: Request) -> list[Prediction]:
    """Classify the image in the request's body."""
    predictions: list[Prediction] = await run_in_threadpool(classify, await request.body())
    return predictions
