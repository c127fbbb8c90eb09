"""What every driver of the port to the API server has in common."""
