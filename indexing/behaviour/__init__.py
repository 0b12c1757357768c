"""What people did, as it is recorded: read beside the ratings, and learnt from like these."""
