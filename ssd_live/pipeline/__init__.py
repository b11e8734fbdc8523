"""Pipeline stages, each in a thread, and the queues and slots between them."""
