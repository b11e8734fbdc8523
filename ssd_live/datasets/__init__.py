"""Read, check and draw labelled images in the VOC, COCO and YOLO formats."""
