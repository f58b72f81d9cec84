"""Kafka outside of the delivery engine: administration, topics, ACLs and readers.

kafka-python administers, and reads alerts as a client independent of the service's own; librdkafka carries
all other records. The commands of `fraudstream.admin` and `fraudstream.cli` import it.
"""
