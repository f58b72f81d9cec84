"""The delivery engine: Faust agents on librdkafka, with partition state and one transaction per commit."""
