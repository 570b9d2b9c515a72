"""An EST client that is as strict as Cisco's libest 3.2 (est.md section 0 and 3.2 of the project's findings): header names are compared by case,
each operation has a connection of its own, a payload of more than 1,024 characters must have a line feed in its first 1,024, the certs-only
parameter must be there, tls-unique goes into challengePassword, and a 401 comes before the credentials."""

import base64
import re
import socket
import ssl
import subprocess
import sys
import urllib.parse


class Refused(Exception):
    """What libest gives up on."""


def connect(url, roots, certificate, key, newest):
    context = ssl.create_default_context(cafile=roots)
    context.maximum_version = ssl.TLSVersion[newest]
    if certificate:
        context.load_cert_chain(certificate, key)
    plain = socket.create_connection((url.hostname, url.port), timeout=20)
    return context.wrap_socket(plain, server_hostname=url.hostname)


def exchange(stream, method, path, body, user):
    """One request; libest compares these header names octet by octet (est_client_http.c)."""
    head = [f"{method} {path} HTTP/1.1", "User-Agent: libest 3.2.0p", "Connection: close", "Host: localhost"]
    if user:
        head.append("Authorization: Basic " + base64.b64encode(user.encode()).decode())
    if body is not None:
        head += ["Content-Type: application/pkcs10", f"Content-Length: {len(body)}"]
    stream.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + (body or b""))
    answer = b""
    while part := stream.recv(65536):
        answer += part
    stream.close()
    head, _, payload = answer.partition(b"\r\n\r\n")
    lines = head.decode("ascii").split("\r\n")
    status = int(lines[0].split(" ")[1])
    headers = dict(line.split(": ", 1) for line in lines[1:])
    if "Content-Length" not in headers:
        raise Refused(f"there is no Content-Length in {sorted(headers)}")
    if len(payload) != int(headers["Content-Length"]):
        raise Refused("the payload is not as long as Content-Length says")
    return status, headers, payload


def decoded(payload):
    if len(payload) > 1024 and b"\n" not in payload[:1024]:
        raise Refused("there is no line feed within the first 1,024 characters")
    if not payload.endswith(b"\n"):
        raise Refused("there is no line feed at the end")
    return base64.b64decode(payload)


def csr(key, subject, challenge):
    config = f"[req]\nprompt = no\ndistinguished_name = dn\nattributes = more\n[dn]\nCN = {subject}\n[more]\nchallengePassword = {challenge}\n"
    with open("libest.cnf", "w", encoding="ascii") as file:
        file.write(config)
    made = subprocess.run(["openssl", "req", "-new", "-key", key, "-config", "libest.cnf", "-outform", "DER"], stdout=subprocess.PIPE, check=True)
    return made.stdout


def wrapped(der):
    text = base64.b64encode(der).decode()
    return "\n".join(text[at:at + 64] for at in range(0, len(text), 64)).encode() + b"\n"


def enrol(url, roots, operation, user, new_key, subject, certificate, key, newest):
    """The first POST brings a 401 where HTTP credentials are wanted; the second, over a connection of its own, has them."""
    sent_user = None
    for _ in range(2):
        stream = connect(url, roots, certificate, key, newest)
        # libest puts tls-unique there with TLS 1.2, the newest that it speaks.
        unique = base64.b64encode(stream.get_channel_binding("tls-unique")).decode() if stream.version() == "TLSv1.2" else None
        if unique is None:
            raise Refused("libest speaks TLS 1.2")
        body = wrapped(csr(new_key, subject, unique))
        status, headers, payload = exchange(stream, "POST", f"{url.path}/{operation}", body, sent_user)
        if status == 401 and not sent_user and user:
            if not re.match(r"Basic realm=", headers.get("WWW-Authenticate", "")):
                raise Refused(f"a 401 without WWW-Authenticate: {headers}")
            sent_user = user
            continue
        if status != 200:
            raise Refused(f"status {status}: {payload.decode(errors='replace')}")
        if headers.get("Content-Type") != "application/pkcs7-mime; smime-type=certs-only":
            raise Refused(f"Content-Type is {headers.get('Content-Type')}")
        return decoded(payload)
    raise Refused("credentials were not taken")


def fetch(url, roots, operation, content_type, newest):
    stream = connect(url, roots, None, None, newest)
    status, headers, payload = exchange(stream, "GET", f"{url.path}/{operation}", None, None)
    if status != 200 or not headers.get("Content-Type", "").startswith(content_type):
        raise Refused(f"status {status}, {headers}")
    return decoded(payload)


def main(base, roots, operation, out, *words):
    more = dict(word.split("=", 1) for word in words)
    url = urllib.parse.urlsplit(base)
    newest = more.get("newest", "TLSv1_2")
    if operation == "cacerts":
        der = fetch(url, roots, operation, "application/pkcs7-mime", newest)
    elif operation == "csrattrs":
        der = fetch(url, roots, operation, "application/csrattrs", newest)
    else:
        der = enrol(url, roots, operation, more.get("user"), more["new"], more["subject"], more.get("cert"), more.get("key"), newest)
    with open(out, "wb") as file:
        file.write(der)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Refused as refused:
        sys.exit(f"libest would give up: {refused}")
