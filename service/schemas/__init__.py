"""Request and response models: what a client may send, and how answers become JSON."""
