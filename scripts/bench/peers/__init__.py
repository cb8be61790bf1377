"""What a user would pick instead: FastAPI with ONNX Runtime and with OpenVINO, one process each, without batching.

server            runs them, in their virtual environment build/peers
images            from an image's bytes to the network's input, and from logits to the top 5, with Pillow and NumPy
app_onnxruntime   FastAPI + ONNX Runtime
app_openvino      FastAPI + OpenVINO

The apps are what the libraries' documentation shows, with default settings. They run in their own environment, so these
and `images` import nothing else of this project.
"""
