"""What whoever runs the service sees of searches."""
