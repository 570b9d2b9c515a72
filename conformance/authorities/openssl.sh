# OpenSSL's mock server as the CA behind Daftar. It hands out one certificate, which is made here for the test's key, and believes
# messages that are signed below -srv_trusted. CLIENT is another `openssl` whose mock it is.

pki=$work/office/pki
house=$PWD/house
mock=$((base + 14))
authority="openssl as CA"
[ -z "${CLIENT:-}" ] || authority="openssl 3.6 as CA"

# mock ROOT: a mock CA that trusts requests signed below ROOT.
mock() {
    "${CLIENT:-openssl}" cmp -config '' -port "$mock" -srv_cert "$pki/cmp-signer.pem" -srv_key "$pki/cmp-signer.key" -srv_trusted "$1" \
        -srv_untrusted "$pki/issuing.pem" -rsp_cert given.pem -rsp_extracerts "$pki/issuing.pem" -grant_implicitconf >>mock.log 2>&1 &
    mock_pid=$!
    children+=("$mock_pid")
}

# An office of its own with the same PKI shape, whose CA is the mock.
"$daftar" demo --prepare-only --dir "$house" --port-base $((base + 10)) >prepare.log 2>&1
pki=$house/pki
sed -i "s|^url = .*|url = \"http://127.0.0.1:$mock/pkix/\"|" "$house/daftar.toml"
SOFTHSM2_CONF=$house/softhsm2.conf "$daftar" serve --config "$house/daftar.toml" >serve.log 2>&1 &
serve_pid=$!
children+=("$serve_pid")
for _ in $(seq 200); do
    curl -sf "http://127.0.0.1:$((base + 13))/readyz" >/dev/null && break
    sleep 0.1
done
code=$("$daftar" code create --profile default --uses 0 --officer conformance --json --config "$house/daftar.toml")
reference=$(sed 's/.*"reference":"\([^"]*\)".*/\1/' <<<"$code")
secret=$(sed 's/.*"secret":"\([^"]*\)".*/\1/' <<<"$code")
ROOT_CA=$pki/root.pem ISSUING_CHAIN=$pki/issuing.pem TLS_CA=$pki/root.pem
EST_URL=https://localhost:$((base + 10))/.well-known/est

# given NAME: the CA's only certificate, for NAME.csr.
given() {
    printf 'basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n' >given.ext
    openssl x509 -req -in "$1.csr" -CA "$pki/issuing.pem" -CAkey "$pki/issuing.key" -days 90 -extfile given.ext -out given.pem
}

new_key good && new_csr good /CN=good.plant.example && given good 2>/dev/null
mock "$ROOT_CA"
sleep 0.5
check "$authority: EST enrolment succeeds (p10cr)" enrol good simpleenroll -u "$reference:$secret"
new_key crmf && new_csr crmf /CN=crmf.plant.example && given crmf 2>/dev/null
kill "$mock_pid" && wait "$mock_pid" 2>/dev/null
mock "$ROOT_CA"
sleep 0.5
host=127.0.0.1:$((base + 11))/.well-known/cmp
check "$authority: CMP enrolment succeeds (ir)" asked crmf crmf.key cmp -ref "$reference" -secret "pass:$secret" -cmd ir -newkey crmf.key \
    -subject /CN=crmf.plant.example -implicit_confirm
kill "$mock_pid" && wait "$mock_pid" 2>/dev/null

# The same CA, but the RA's key is certified by nobody it trusts.
openssl req -x509 -config /dev/null -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout other.key -subj /CN=Other -days 9 \
    -addext basicConstraints=critical,CA:TRUE -out other.pem 2>/dev/null
new_key bad && new_csr bad /CN=bad.plant.example && given bad 2>/dev/null
rm mock.log
mock "$PWD/other.pem"
sleep 0.5
refused() {
    body bad
    local status
    status=$(curl -sS --cacert "$TLS_CA" -o bad.body -w '%{http_code}' -u "$reference:$secret" -H 'Content-Type: application/pkcs10' \
        --data-binary @bad.b64 "$EST_URL/simpleenroll")
    echo "status $status: $(cat bad.body)"
    [ "$status" = 403 ] && grep -q 'no suitable sender cert' bad.body
}
check "$authority: it refuses an RA that is not certified there" refused
check "$authority: and says so" grep -q 'certificate verification failed' mock.log
kill "$mock_pid" "$serve_pid" && wait "$mock_pid" "$serve_pid" 2>/dev/null
