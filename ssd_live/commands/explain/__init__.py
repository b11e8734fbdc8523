"""`explain`: show how SSD finds the objects in one image, as an image and as text."""
