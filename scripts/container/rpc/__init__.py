"""gRPC in front of TorchServe: two services that forward each call to the HTTP API, with its limits and errors.

protos          the messages, from TorchServe's jar
server          the server, and which services it has
predictions     TorchServe's own service
open_inference  the Open Inference Protocol (V2): Triton's and KServe's clients
forwarding      one call over HTTP, and what its status is in gRPC

TorchServe's own gRPC server is not used: an error arrives as OK there, one streaming call ends the thread that serves a
worker, and its Open Inference service has another name than clients expect.
"""
