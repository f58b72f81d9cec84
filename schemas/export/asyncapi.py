"""The AsyncAPI 3.0 document: topics as channels, what the service does with them as operations.

Source: AsyncAPI Specification 3.0.0 with its Kafka bindings 0.5.0.
"""

from __future__ import annotations

from typing import Any

from schemas.export.contracts import CONTRACTS, TOPICS, Contract, Topic
from schemas.export.json_schema import described

Json = dict[str, Any]

_BINDING_VERSION = "0.5.0"
_SECURITY = {
    "sasl-plain": {"type": "plain", "description": "SASL/PLAIN over TLS"},
    "sasl-scram-256": {"type": "scramSha256", "description": "SASL/SCRAM-SHA-256 over TLS"},
    "sasl-scram-512": {"type": "scramSha512", "description": "SASL/SCRAM-SHA-512 over TLS"},
    "mutual-tls": {"type": "X509", "description": "TLS with a client certificate"},
}


def asyncapi() -> Json:
    """Build the document; every reference in it points into it."""
    payloads, definitions = described(CONTRACTS, "#/components/schemas/{model}")
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "fraudstream",
            "version": "1",
            "description": "Transactions and labels in; scores, alerts and dead letters out. Amounts are "
            "decimal strings, times RFC 3339 with offset; unknown fields are ignored.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"example": _server()},
        "channels": {_identifier(topic): _channel(topic) for topic in TOPICS},
        "operations": {f"{topic.action}-{_identifier(topic)}": _operation(topic) for topic in TOPICS},
        "components": {
            "messages": {
                **{contract.name: _message(contract) for contract in CONTRACTS},
                "dead-letter": _dead_letter(),
            },
            "schemas": {**definitions, **payloads},
            "securitySchemes": _SECURITY,
        },
    }


def _server() -> Json:
    return {
        "host": "localhost:9092",
        "protocol": "kafka",
        "description": "An example; a bank names its own bootstrap servers and one of the security schemes.",
    }


def _identifier(topic: Topic) -> str:
    """Name a channel: references split at dots in some tools."""
    return topic.address.replace(".", "-")


def _channel(topic: Topic) -> Json:
    channel: Json = {"address": topic.address, "description": f"{topic.sentence} Record key: {topic.key}."}
    channel["messages"] = {name: {"$ref": f"#/components/messages/{name}"} for name in topic.contracts}
    return channel


def _operation(topic: Topic) -> Json:
    return {
        "action": topic.action,
        "channel": {"$ref": f"#/channels/{_identifier(topic)}"},
        "summary": topic.sentence,
    }


def _message(contract: Contract) -> Json:
    message: Json = {
        "name": contract.name,
        "summary": contract.sentence,
        "payload": {"$ref": f"#/components/schemas/{contract.name}"},
        "bindings": {"kafka": {"key": {"type": "string"}, "bindingVersion": _BINDING_VERSION}},
    }
    if contract.header:
        header = {contract.header: {"type": "string", "description": "HMAC-SHA256 of the value, hexadecimal"}}
        message["headers"] = {"type": "object", "properties": header, "required": [contract.header]}
    return message


def _dead_letter() -> Json:
    """Describe a dead letter: the contract is its headers, the value is whatever came."""
    return {
        "name": "dead-letter",
        "summary": "A refused message as it came, with headers that say why.",
        "contentType": "application/octet-stream",
        "headers": {"$ref": "#/components/schemas/dead-letter"},
    }
