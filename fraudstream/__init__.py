"""What a person starts: settings, composition, command line, simulators, local Kafka."""

import os

# ONNX Runtime would tell its makers of every process, and keep an identifier in the home directory. What a
# bank runs is its own business: unless a person says otherwise, it is told not to, before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
