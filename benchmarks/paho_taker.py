"""Take and acknowledge with paho, no more; its words are HOST PORT USER PASSWORD COUNT."""

import sys
import threading

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


def main(host: str, port: str, user: str, password: str, count: str) -> None:
    left = int(count)
    done = threading.Event()
    client = Client(
        CallbackAPIVersion.VERSION2, "paho-taker", protocol=MQTTProtocolVersion.MQTTv5, manual_ack=True
    )
    client.username_pw_set(user, password)

    def taken(_client: Client, _data: object, message: object) -> None:
        nonlocal left
        client.ack(message.mid, 1)
        left -= 1
        if left == 0:
            done.set()

    client.on_message = taken
    client.on_subscribe = lambda *_: print("subscribed", flush=True)
    properties = Properties(PacketTypes.CONNECT)
    properties.ReceiveMaximum = 2000
    client.connect(host, int(port), clean_start=True, properties=properties)
    client.subscribe("yanchen/v1/+/readings", 1)
    client.loop_start()
    done.wait()
    print("done", flush=True)
    client.loop_stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
