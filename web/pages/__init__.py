"""The pages, a subject a file; the app finds each file that has a blueprint `bp`."""
