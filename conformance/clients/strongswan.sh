# EST by strongSwan's pki (Debian: strongswan-pki). It speaks TLS 1.2 without extended master secret, and reads base64 in
# one line only.

url=${EST_URL%/.well-known/est}
url=${url/127.0.0.1/localhost}

swan() {
    pki "$@"
}

# swan_enrol NAME WORDS...: NAME.pem from NAME.csr.
swan_enrol() {
    local name=$1
    shift
    swan --est --url "$url" --in "$name.der" --cacert "$TLS_CA" --outform pem "$@" >"$name.pem" && certified "$name" "$name.key"
}

swan_request() {
    new_key "$1" && new_csr "$1" "/CN=$1.plant.example/O=Plant" && openssl req -in "$1.csr" -outform DER -out "$1.der"
}

check "strongswan: pki is installed (apt install strongswan-pki)" command -v pki
check "strongswan: --estca gets the chain" eval 'swan --estca --url "$url" --cacert "$TLS_CA" --caout ca --outform pem && ls ca.pem ca-1.pem'
swan_request swan
check "strongswan: --est enrols by Basic" swan_enrol swan --userpass "$EST_USER:$EST_PASSWORD"
# The new request is for the name of the certificate that is renewed.
new_key again && new_csr again '/CN=swan.plant.example/O=Plant' && openssl req -in again.csr -outform DER -out again.der
check "strongswan: --est renews by the certificate" swan_enrol again --cert swan.pem --key swan.key
swan_request wrong
check "strongswan: --est is refused with a wrong password" says 'HTTP 401' swan --est --url "$url" --in wrong.der --cacert "$TLS_CA" \
    --userpass "$EST_USER:wrong"
