"""How much sooner backlogs are done when programs lend each other processes; see `__main__`."""
