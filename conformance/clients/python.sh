# EST with linked identity and proof of possession (RFC 7030 section 3.5) by Python's ssl, which tells tls-unique, and openssl.

# linked NAME VERSION VALUE: POSTs a request for NAME.key over a connection of its own; VALUE "here" is that connection's tls-unique.
# Prints the status and keeps the answer in NAME.p7.
linked() {
    python3 - "$EST_URL" "$TLS_CA" "$EST_USER:$EST_PASSWORD" "$@" <<'PYTHON'
import base64, http.client, socket, ssl, subprocess, sys, urllib.parse
url, roots, user, name, version, value = sys.argv[1:]
url = urllib.parse.urlsplit(url)
context = ssl.create_default_context(cafile=roots)
context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
connection = http.client.HTTPSConnection(url.hostname, url.port, context=context)
connection.connect()
if value == "here":
    value = base64.b64encode(connection.sock.get_channel_binding("tls-unique")).decode()
with open(name + ".cnf", "w") as file:
    file.write(f"[req]\nprompt = no\ndistinguished_name = dn\nattributes = more\n[dn]\nCN = {name}.plant.example\n")
    file.write(f"[more]\nchallengePassword = {value}\n")
csr = subprocess.run(["openssl", "req", "-new", "-key", name + ".key", "-config", name + ".cnf", "-outform", "DER"],
                     stdout=subprocess.PIPE, check=True).stdout
connection.request("POST", url.path + "/simpleenroll", base64.b64encode(csr), {
    "Content-Type": "application/pkcs10",
    "Authorization": "Basic " + base64.b64encode(user.encode()).decode(),
})
answer = connection.getresponse()
with open(name + ".p7", "wb") as file:
    file.write(answer.read())
print(answer.status)
PYTHON
}

# enrolled NAME: the answer in NAME.p7 is a certificate for NAME.key.
enrolled() {
    openssl base64 -d -A -in "$1.p7" | openssl pkcs7 -inform DER -print_certs | sed -n '/^-----BEGIN/,/^-----END/p' >"$1.pem" &&
        certified "$1" "$1.key"
}

check "python: python3 is installed" command -v python3
new_key unique -algorithm EC -pkeyopt ec_paramgen_curve:P-256
check "python: a challengePassword with tls-unique of this connection is taken" eval '[ "$(linked unique TLSv1_2 here)" = 200 ] && enrolled unique'
new_key foreign -algorithm EC -pkeyopt ec_paramgen_curve:P-256
check "python: one of another connection is 400" eval '[ "$(linked foreign TLSv1_2 AAAAAAAAAAAAAAAA)" = 400 ]'
check "python: the refusal names proof-of-possession linking" grep -q 'proof-of-possession linking' foreign.p7
check "python: on TLS 1.3 there is no tls-unique" eval '[ "$(linked foreign TLSv1_3 here)" = 400 ]'
