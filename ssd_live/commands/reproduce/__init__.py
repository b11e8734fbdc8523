"""`reproduce voc07`: print the paper's PASCAL VOC 2007 results beside those of this machine."""
