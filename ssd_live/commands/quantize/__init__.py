"""`quantize`: make an INT8 version of a model, and keep it only if its detections agree."""
