"""Functions on the installed release, side by side with each other."""
