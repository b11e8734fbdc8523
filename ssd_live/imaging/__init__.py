"""Pictures: pixels, planes, resizing, drawing, image files."""
