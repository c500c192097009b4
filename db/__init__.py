"""What is known: tables, migrations, and every query, by subject."""
