"""Make one HTML page of a log of detections: how many, when, where, and pictures of it.

`log` reads the log, `summary` adds it up, `pictures` takes pictures out of the video, and `page`
writes the HTML.
"""
