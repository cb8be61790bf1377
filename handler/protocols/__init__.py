"""What a row means and what a response looks like: one module a protocol, and what they share.

`request` chooses the protocol (`native`, `kserve_v1`, `open_inference`) by the body; `parameters` and `accept` read the
options that all of them have; `encoding` and `tensors` encode.
"""
