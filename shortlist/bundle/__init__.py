"""The bundle: the one contract between the offline job and the service."""
