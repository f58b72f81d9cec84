"""A local Apache Kafka for the demo, the tests and the benchmarks, without Docker."""
