"""What is asked, one file a protocol."""
