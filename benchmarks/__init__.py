"""Every speed figure the README quotes comes from here; nothing here is a test."""
