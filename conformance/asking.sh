# How an enrolment is asked for, over EST by curl and over CMP by OpenSSL. Sourced by `run`.

# house OFFSET: an office of its own in ./house, at ports above the base; it is opened when its configuration is as it should be.
house() {
    offset=$1 house=$PWD/house pki=$PWD/house/pki
    "$daftar" demo --prepare-only --dir "$house" --port-base $((base + offset)) >prepare.log 2>&1
}

# open_house [authority]: serves it; with the demo CA of its own.
open_house() {
    if [ "${1:-}" = authority ]; then
        "$daftar" demo-ca --dir "$house" --port $((base + offset + 4)) >ca.log 2>&1 &
        children+=($!)
    fi
    SOFTHSM2_CONF=$house/softhsm2.conf "$daftar" serve --config "$house/daftar.toml" >serve.log 2>&1 &
    children+=($!)
    for _ in $(seq 200); do
        curl -sf "http://127.0.0.1:$((base + offset + 3))/readyz" >/dev/null && break
        sleep 0.1
    done
}

# house_code [PROFILE]: makes a code of the house, whose halves are $reference and $secret.
house_code() {
    local code
    code=$("$daftar" code create --profile "${1:-default}" --uses 0 --officer conformance --json --config "$house/daftar.toml")
    reference=$(sed 's/.*"reference":"\([^"]*\)".*/\1/' <<<"$code")
    secret=$(sed 's/.*"secret":"\([^"]*\)".*/\1/' <<<"$code")
}

# est OPERATION OUT [CURL WORDS]: asks and keeps the body; fails unless the status is 200.
est() {
    local operation=$1 out=$2
    shift 2
    local status
    status=$(curl -sS --cacert "$TLS_CA" -o "$out" -D "$out.head" -w '%{http_code}' "$@" "$EST_URL/$operation")
    [ "$status" = 200 ] || { echo "status $status"; cat "$out"; return 1; }
}

# unpack IN NAME: NAME.pem from a certs-only answer.
unpack() {
    openssl base64 -d -A -in "$1" | openssl pkcs7 -inform DER -print_certs | sed -n '/^-----BEGIN/,/^-----END/p' >"$2.pem"
}

# body NAME: the request as EST sends it.
body() {
    openssl req -in "$1.csr" -outform DER | openssl base64 -A >"$1.b64"
}

# enrol NAME OPERATION CURL-WORDS...: a certificate for NAME.csr.
enrol() {
    local name=$1 operation=$2
    shift 2
    body "$name" && est "$operation" "$name.p7" -H 'Content-Type: application/pkcs10' --data-binary "@$name.b64" "$@" &&
        unpack "$name.p7" "$name" && certified "$name" "${key:-$name.key}"
}

# cmp WORDS...: one transaction over HTTP; PLACE is a path below the server's own.
cmp() {
    "${client:-openssl}" cmp -config '' -server "${host%%/*}" -path "${host#*/}${place:+/$place}" -trusted "$ROOT_CA" -unprotected_errors \
        -msg_timeout 20 -total_timeout 60 "$@"
}

# cmps WORDS...: one over HTTPS.
cmps() {
    local url=${CMPS_URL#https://}
    url=${url/127.0.0.1/localhost}
    "${client:-openssl}" cmp -config '' -server "https://${url%%/*}" -path "${url#*/}" -tls_used -tls_trusted "$TLS_CA" -trusted "$ROOT_CA" \
        -msg_timeout 20 -total_timeout 60 "$@"
}

# asked NAME KEY COMMAND...: the command must bring NAME.pem, a certificate for KEY.
asked() {
    local name=$1 key=$2
    shift 2
    rm -f "$name.pem"
    "$@" -certout "$name.pem" && certified "$name" "$key"
}

# refused TEXT COMMAND...: the command must fail with this text, and bring no certificate.
refused() {
    local text=$1
    shift
    rm -f refused.pem
    says "$text" "$@" -certout refused.pem && not_there refused.pem
}
