"""Thousands of malformed requests, valid ones between them, and their responses: `python -m scripts fuzz`.

Everything is drawn from one seed: the same seed and count send the same requests::

    images, documents, wire -> corpus -> attack -> report
"""
