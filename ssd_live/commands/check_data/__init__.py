"""`check-data`: find errors in labelled images and draw a contact sheet."""
