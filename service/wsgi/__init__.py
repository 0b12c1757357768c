"""What lies around Flask."""
