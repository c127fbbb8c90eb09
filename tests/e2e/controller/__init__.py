"""End-to-end tests of the controller, run as child processes of the test."""
