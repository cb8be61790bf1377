"""Do the images still resemble those of a reference? The archive has it where it was packed with a folder of images.

`statistics` has the distances, `reference` what they are measured from, and `monitor` the sliding window of a worker.
"""
