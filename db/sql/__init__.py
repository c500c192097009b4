"""The connection, the schema, and what queries share whatever they are about."""
