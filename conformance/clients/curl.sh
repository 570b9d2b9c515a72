# EST by curl (RFC 7030, RFC 8951).

# status WANTED OPERATION [CURL WORDS]: the status must be this one.
status() {
    local wanted=$1 operation=$2 found
    shift 2
    found=$(curl -sS --cacert "$TLS_CA" -o refused.body -D refused.head -w '%{http_code}' "$@" "$EST_URL/$operation")
    [ "$found" = "$wanted" ] || { echo "status $found instead of $wanted"; cat refused.body; return 1; }
}

whole_chain() {
    est cacerts cacerts.p7 && unpack cacerts.p7 chain && [ "$(grep -c -- -----BEGIN.CERTIFICATE chain.pem)" -ge 2 ] &&
        openssl verify -CAfile "$ROOT_CA" -untrusted chain.pem "$ISSUING_CHAIN"
}

header() {
    grep -q "^$2"$'\r''$' "$1" || { echo "'$2' is not in:"; cat "$1"; return 1; }
}

user=(-u "$EST_USER:$EST_PASSWORD")
check "curl: /cacerts brings the whole chain" whole_chain
check "curl: /cacerts has the headers of old clients" header cacerts.p7.head 'Content-Transfer-Encoding: base64'
check "curl: /csrattrs is DER" eval 'est csrattrs csrattrs && openssl base64 -d -A -in csrattrs | openssl asn1parse -inform DER'

for kind in P-256 P-384 P-521; do
    new_key "$kind" -algorithm EC -pkeyopt "ec_paramgen_curve:$kind"
    new_csr "$kind" "/CN=$kind.plant.example" -addext "subjectAltName=DNS:$kind.plant.example"
    check "curl: simpleenroll by Basic, $kind" enrol "$kind" simpleenroll "${user[@]}"
done
new_key rsa -algorithm RSA -pkeyopt rsa_keygen_bits:3072
new_csr rsa /CN=rsa.plant.example
check "curl: simpleenroll by Basic, RSA 3072" enrol rsa simpleenroll "${user[@]}"
check "curl: the answer is certs-only" header rsa.p7.head 'Content-Type: application/pkcs7-mime; smime-type=certs-only'

new_key tls12 && new_csr tls12 /CN=tls12.plant.example
check "curl: simpleenroll over TLS 1.2" enrol tls12 simpleenroll "${user[@]}" --tls-max 1.2
new_key tls13 && new_csr tls13 /CN=tls13.plant.example
check "curl: simpleenroll over TLS 1.3" enrol tls13 simpleenroll "${user[@]}" --tlsv1.3
new_key chunked && new_csr chunked /CN=chunked.plant.example
check "curl: a request in chunks" enrol chunked simpleenroll "${user[@]}" -H 'Transfer-Encoding: chunked'
new_key idevid && new_csr idevid /CN=idevid.plant.example
check "curl: simpleenroll by a device's certificate" enrol idevid simpleenroll --cert "$DEVICE_CERT" --key "$DEVICE_KEY"

new_key old && new_csr old /CN=old.plant.example
check "curl: a certificate to be renewed" enrol old simpleenroll "${user[@]}"
cp old.key same.key && cp old.csr same.csr
check "curl: simplereenroll with the same key" enrol same simplereenroll --cert old.pem --key old.key
new_key newer && new_csr newer /CN=old.plant.example
check "curl: simplereenroll with a new key" enrol newer simplereenroll --cert same.pem --key same.key
new_key other && new_csr other /CN=other.plant.example && body other
check "curl: simplereenroll with another subject is 403" status 403 simplereenroll -H 'Content-Type: application/pkcs10' \
    --data-binary @other.b64 --cert newer.pem --key newer.key

post=(-H 'Content-Type: application/pkcs10' --data-binary @other.b64)
check "curl: no credentials is 401" status 401 simpleenroll "${post[@]}"
check "curl: 401 has an empty body" not_there refused.body
check "curl: a wrong password is 401" status 401 simpleenroll "${post[@]}" -u "$EST_USER:wrong"
check "curl: another content type is 415" status 415 simpleenroll -H 'Content-Type: text/plain' --data-binary @other.b64 "${user[@]}"
check "curl: no base64 is 400" status 400 simpleenroll -H 'Content-Type: application/pkcs10' --data-binary '???' "${user[@]}"
check "curl: GET /simpleenroll is 405" status 405 simpleenroll
check "curl: POST /cacerts is 405" status 405 cacerts "${post[@]}"
check "curl: an unknown label is 404" status 404 nobody/simpleenroll "${post[@]}" "${user[@]}"
