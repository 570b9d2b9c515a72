"""An EST server that is nobody's product: Python's ssl and http.server speak, the openssl command issues.

    server.py PORT FOLDER

FOLDER/pki has the PKI of a demo; FOLDER/orders holds a line of JSON for each answer to come, the first for the next: {"status", "headers",
"body", "as"}. What is asked without an order is issued. FOLDER/asked gets a line for each request: its SHA-256 and who asked.
"""

import base64
import hashlib
import json
import pathlib
import ssl
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

port, folder = int(sys.argv[1]), pathlib.Path(sys.argv[2])
pki = folder / "pki"
PATH = "/.well-known/est/simpleenroll"
EXTENSIONS = """
basicConstraints = critical, CA:false
authorityKeyIdentifier = keyid
subjectKeyIdentifier = hash
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
"""


def openssl(*words, data):
    done = subprocess.run(["openssl", *words], input=data, capture_output=True, check=True)
    return done.stdout


def issue(der):
    """The certificate of a request, once for all times that it comes."""
    kept = folder / f"issued-{hashlib.sha256(der).hexdigest()}.pem"
    if not kept.exists():
        (folder / "extensions").write_text(EXTENSIONS)
        request = openssl("req", "-inform", "DER", data=der)
        words = ["-req", "-CA", str(pki / "issuing.pem"), "-CAkey", str(pki / "issuing.key"), "-copy_extensions", "copy"]
        serial = "0x40" + hashlib.sha256(der).hexdigest()[:30]
        words += ["-extfile", str(folder / "extensions"), "-days", "30", "-set_serial", serial, "-sha256"]
        kept.write_bytes(openssl("x509", *words, data=request))
    return kept.read_bytes()


def certs_only(*certificates):
    (folder / "bundle.pem").write_bytes(b"".join(certificates))
    return openssl("crl2pkcs7", "-nocrl", "-certfile", str(folder / "bundle.pem"), "-outform", "DER", data=b"")


class Desk(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        holder = dict(part[0] for part in self.connection.getpeercert()["subject"])
        with open(folder / "asked", "a") as asked:
            asked.write(f"{hashlib.sha256(body).hexdigest()} {holder.get('commonName')}\n")
        orders = folder / "orders"
        lines = orders.read_text().splitlines() if orders.exists() else []
        order = json.loads(lines[0]) if lines else {}
        orders.write_text("".join(line + "\n" for line in lines[1:]))
        if self.path != PATH:
            return self.say(404, {}, b"no such place")
        if "status" in order:
            return self.say(order["status"], order.get("headers", {}), order.get("body", "").encode())
        certificate = issue(base64.b64decode(body))
        held = {
            "alone": [certificate],
            "with its chain": [(pki / "issuing.pem").read_bytes(), certificate, (pki / "root.pem").read_bytes()],
            "of another": [(pki / "device.pem").read_bytes()],
        }
        der = certs_only(*held[order.get("as", "alone")])
        text = base64.b64encode(der) if order.get("lines") == "none" else base64.encodebytes(der)
        kind = {"Content-Type": "application/pkcs7-mime; smime-type=certs-only", "Content-Transfer-Encoding": "base64"}
        self.say(200, kind, text)

    def say(self, status, headers, body):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(pki / "tls.pem", pki / "tls.key")
tls.load_verify_locations(pki / "chain.pem")
tls.verify_mode = ssl.CERT_REQUIRED
server = HTTPServer(("127.0.0.1", port), Desk)
server.socket = tls.wrap_socket(server.socket, server_side=True)
server.serve_forever()
