"""Who looks: the program that notices what happens in the library and has it scanned."""
