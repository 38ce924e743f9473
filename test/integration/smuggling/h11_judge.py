"""Reads inputs (four bytes of length, then that many bytes) from stdin; writes for each, as a line of JSON, the requests h11 finds."""
import json
import struct
import sys

import h11


def judge(data):
    messages, current = [], None
    connection = h11.Connection(our_role=h11.SERVER)
    try:
        connection.receive_data(data)
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA or event is h11.PAUSED and current is None and not messages:
                break
            if isinstance(event, h11.Request):
                current = {"method": event.method.decode("latin1"), "target": event.target.decode("latin1"), "body": ""}
            elif isinstance(event, h11.Data):
                current["body"] += bytes(event.data).decode("latin1")
            elif isinstance(event, h11.EndOfMessage):
                messages.append(current)
                current = None
                # Answered, so that the next request may be read.
                connection.send(h11.Response(status_code=204, headers=[]))
                connection.send(h11.EndOfMessage())
                if connection.our_state is not h11.DONE:
                    break
                connection.start_next_cycle()
            else:
                break
    except (h11.RemoteProtocolError, h11.LocalProtocolError):
        return {"messages": messages, "refused": True}
    return {"messages": messages, "refused": False}


source = sys.stdin.buffer
while True:
    header = source.read(4)
    if len(header) < 4:
        break
    print(json.dumps(judge(source.read(struct.unpack(">I", header)[0]))))
