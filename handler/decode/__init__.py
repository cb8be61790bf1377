"""Encoded bytes to the network's input: formats, JPEGs, GPU, threads and deadlines; `decoder` wires them."""
