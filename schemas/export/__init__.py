"""The messages as documents for other systems: JSON Schema, AsyncAPI and data contracts."""
