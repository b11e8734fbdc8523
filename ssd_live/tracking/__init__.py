"""Follow objects from frame to frame: give each one an id, and steady boxes, scores and classes.

The trackers are fed in the order of time, with the time of each frame in seconds, so that frames
may be missing and rates may change.
"""
