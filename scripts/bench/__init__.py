"""The benchmark: `python -m scripts bench`, or `make bench`.

plan      how much is measured
jpegs     JPEGs of several sizes
engines   the network alone, in this process
stages    decode, transform, inference and response alone
stock     TorchServe's own image classifier on the same weights, the baseline
peers     FastAPI with ONNX Runtime and with OpenVINO on the same weights, in an environment of their own
service   all over HTTP, memory, and the time from `make serve` to the first response
overload  responses in time, of more requests than the server can take: `python -m scripts bench overload`
precision 8 bits against float32 over HTTP: a command of its own, `python -m scripts bench precision`
report    medians, the goals, the table and the plot

Everything is measured in turns, several rounds of them, so that a machine that slows down or speeds up meets all alike:
ratios hold, seconds do not.
"""
