"""Classifies many images, `python -m scripts predict FOLDER --to results.csv`: a row for each of them.

files     which images: folders, patterns, or names on stdin
server    through a running server
local     in this process, without a server
rows      a row of the table
tables    the table as JSON lines or CSV, written as the rows come; what an interrupted run left
parquet   the same as Parquet
classify  all of it, with progress
"""
