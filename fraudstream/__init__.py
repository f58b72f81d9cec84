"""What a person starts: settings, composition, command line, simulators, local Kafka."""
