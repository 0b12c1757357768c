"""What people do with items, kept in a database: SQLite beside the service, or PostgreSQL."""
