"""Train SSD networks on labelled images, and explain their detections."""
