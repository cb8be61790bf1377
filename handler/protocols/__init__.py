"""What a row means and what a response looks like: one module a protocol, and what they share.

`request` chooses the protocol (`native`, `kserve_v1`) by the content type; `parameters` and `accept` read the options
that all of them have; `response` encodes.
"""
