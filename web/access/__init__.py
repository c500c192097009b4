"""Access control: which hosts and origins may ask, the login, and the headers of every answer."""
