"""The database: tables, migrations, settings, and every query, by subject."""
