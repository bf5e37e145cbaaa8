"""A backend: answers the questions of menus, and takes events. Python alone, nothing to install.

WEBHOOK_SECRET=whsec_... python3 backend.py [HOST [PORT]]
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = base64.b64decode(os.environ["WEBHOOK_SECRET"].removeprefix("whsec_"))
GOLD = {"+4930123456": "Ada"}
seen = set()  # a real one keeps this in its database: an event may come twice, with the same id


class Backend(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/ask":
            name = GOLD.get(json.loads(body)["values"].get("caller"))
            self.say(200, {"result": "gold", "attributes": {"name": name}} if name else {"result": "other"})
        elif not genuine(self.headers, body):
            self.say(401, {"error": "the signature is wrong"})
        else:
            for event in many if isinstance(many := json.loads(body), list) else [many]:
                if event["id"] not in seen:
                    print(event["time"], event["type"], event["subject"], flush=True)
                seen.add(event["id"])
            self.say(200, {})

    def say(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def genuine(headers, body):
    """Check the signature as Standard Webhooks says, and that it is not an old one sent again."""
    id_, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "0")
    mac = hmac.new(KEY, f"{id_}.{at}.".encode() + body, hashlib.sha256).digest()
    signed = ["v1," + base64.b64encode(mac).decode()]
    fresh = abs(time.time() - int(at)) < 300
    return fresh and any(hmac.compare_digest(one, signed[0]) for one in headers.get("webhook-signature", "").split())


host, port = (sys.argv[1:] + ["127.0.0.1", "9090"][len(sys.argv) - 1 :])[:2]
ThreadingHTTPServer((host, int(port)), Backend).serve_forever()
