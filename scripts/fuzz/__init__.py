"""Malformed requests by the thousand, good ones between them, and what became of both: `python -m scripts fuzz`.

Everything is drawn from one seed: the same seed and count send the same requests::

    photos -> images, documents, wires -> corpus -> attack -> report
"""
