"""What every driver of the port to objects has in common."""
