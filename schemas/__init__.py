"""The wire: pydantic models of the messages of every topic, their code tables and their JSON Schema."""
