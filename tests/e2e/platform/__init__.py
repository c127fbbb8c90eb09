"""The release itself is scaled, killed, upgraded, or out of room: one test after the other."""
