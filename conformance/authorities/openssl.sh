# OpenSSL's mock server as the CA behind Daftar. It hands out one certificate, which is made here for the test's key, and believes
# messages that are signed below -srv_trusted. CLIENT is another `openssl` whose mock it is.

mock=$((base + 14))
authority="openssl as CA"
client=${CLIENT:-openssl}
[ -z "${CLIENT:-}" ] || authority="openssl 3.6 as CA"

# mock ROOT [WORD…]: a mock CA that trusts requests signed below ROOT.
mock() {
    local trusted=$1
    shift
    "$client" cmp -config '' -port "$mock" -srv_cert "$signer.pem" -srv_key "$signer.key" -srv_trusted "$trusted" \
        -srv_untrusted "$pki/issuing.pem" -rsp_cert given.pem -rsp_extracerts "$pki/issuing.pem" -grant_implicitconf "$@" >>mock.log 2>&1 &
    mock_pid=$!
    children+=("$mock_pid")
}

# An office of its own with the same PKI shape, whose CA is the mock.
house 10
signer=$pki/cmp-signer
sed -i "s|^url = .*|url = \"http://127.0.0.1:$mock/pkix/\"|" "$house/daftar.toml"
# A profile whose requesters may have their keys made by the CA.
sed -n '/^\[profile.untouched\]/,/^\[profile/p' "$house/daftar.toml" | sed '$d;s/profile.untouched/profile.central/;s/^forward = .*/&\ncentral_keys = true/' \
    >central.toml
cat central.toml >>"$house/daftar.toml"
# The same CA as one that only files reach (RFC 9483 section 6.4.1).
sed -n '/^\[profile.untouched\]/,/^\[profile/p' "$house/daftar.toml" |
    sed '$d;/^forward = /d;s/profile.untouched/profile.carried/;s/^authority = .*/authority = "carried"/' >carried.toml
printf '[authority.carried]\nkind = "file"\ncertificates = "pki/chain.pem"\nra_certificate = "pki/ra.pem"\n' >>carried.toml
cat carried.toml >>"$house/daftar.toml"
open_house
house_code
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

# carry: what waits is written, brought to the mock, and its answer brought back.
carry() {
    "$daftar" upstream export --authority carried --out carried --officer conformance --config "$house/daftar.toml" &&
        curl -sS -H 'Content-Type: application/pkixcmp' --data-binary @carried/carried-000001-0001.pki -o answer.pki "http://127.0.0.1:$mock/pkix/" &&
        "$daftar" upstream import --authority carried --officer conformance --config "$house/daftar.toml" answer.pki
}
# signed: the manifest is signed by the RA key.
signed() {
    openssl x509 -in "$pki/ra.pem" -noout -pubkey >ra.pub &&
        openssl dgst -sha256 -verify ra.pub -signature carried/carried-000001.json.sig carried/carried-000001.json
}
new_key file && new_csr file /CN=file.plant.example && given file 2>/dev/null
kill "$mock_pid" && wait "$mock_pid" 2>/dev/null
mock "$ROOT_CA"
sleep 0.5
house_code carried
carrying=$reference:$secret
enrol file carried/simpleenroll -u "$carrying" >/dev/null 2>&1
check "$authority: a request is carried to it in a file, and its answer back" carry
check "$authority: openssl dgst finds the manifest signed by the RA" signed
check "$authority: EST enrolment succeeds (files)" enrol file carried/simpleenroll -u "$carrying"
house_code
new_key crmf && new_csr crmf /CN=crmf.plant.example && given crmf 2>/dev/null
kill "$mock_pid" && wait "$mock_pid" 2>/dev/null
mock "$ROOT_CA"
sleep 0.5
host=127.0.0.1:$((base + 11))/.well-known/cmp
check "$authority: CMP enrolment succeeds (ir)" asked crmf crmf.key cmp -ref "$reference" -secret "pass:$secret" -cmd ir -newkey crmf.key \
    -subject /CN=crmf.plant.example -implicit_confirm
kill "$mock_pid" && wait "$mock_pid" 2>/dev/null

# A key that the CA makes (RFC 9483 section 4.1.6), which only 3.6 knows: it passes through to the one whose signature the CA saw.
if [ -n "${CLIENT:-}" ]; then
    central=http://$host/p/central
    named=$(openssl x509 -in "$pki/device.pem" -noout -subject -nameopt compat | sed 's/^subject=//')
    new_key made && openssl req -new -config /dev/null -key made.key -subj "$named" -out made.csr && given made 2>/dev/null
    cat "$pki/root.pem" "$pki/manufacturer.pem" >known.pem
    # Who may answer for the CA, and make keys; OpenSSL wants signers of CMS to be good for S/MIME, too.
    printf 'keyUsage=critical,digitalSignature\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n%s\n' \
        extendedKeyUsage=1.3.6.1.5.5.7.3.27,1.3.6.1.5.5.7.3.32,emailProtection >maker.ext
    new_key maker && new_csr maker "/CN=Key Generation Authority" && signer=$PWD/maker
    openssl x509 -req -in maker.csr -CA "$pki/issuing.pem" -CAkey "$pki/issuing.key" -days 90 -extfile maker.ext -out maker.pem 2>/dev/null
    mock "$PWD/known.pem" -rsp_key made.key
    sleep 0.5
    ask_central() {
        rm -f came.pem came.key
        "$CLIENT" cmp -config '' -server "$central" -trusted "$ROOT_CA" -untrusted "$pki/issuing.pem" -recipient /CN=CA -cmd ir -subject "$named" \
            -centralkeygen -newkeyout came.key -certout came.pem "$@"
    }
    key_came() {
        ask_central -cert "$pki/device.pem" -key "$pki/device.key" -implicit_confirm &&
            openssl pkey -in came.key -pubout -out came.pub && openssl x509 -in came.pem -noout -pubkey | diff - came.pub &&
            openssl pkey -in made.key -pubout | diff - came.pub
    }
    check "$authority: a key that the CA made reaches who asked for it" key_came
    for file in "$house"/data/*.sqlite*; do
        check "$authority: no line of the key is kept in ${file##*/}" eval '! grep -qaF "$(sed -n 2p made.key)" "$file"'
    done
    check "$authority: a key that the CA made is not had under a shared secret" eval \
        '! ask_central -ref "$reference" -secret "pass:$secret" && not_there came.key'
    kill "$mock_pid" && wait "$mock_pid" 2>/dev/null
    signer=$pki/cmp-signer
fi

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
