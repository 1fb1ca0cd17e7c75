"""``yanchen asyncapi``: the AsyncAPI document of what travels over MQTT and Kafka."""

import json

from app.asyncapi import document


def asyncapi() -> None:
    """Print the AsyncAPI 3.0 document; docs/asyncapi.json is this output."""
    print(json.dumps(document(), ensure_ascii=False, indent=2))
