# A CA that speaks Full CMC by Bouncy Castle's types, whose program stands in bouncycastle/CmcAuthority.java: it verifies what the RA signed,
# issues and answers over plain HTTP. openssl judges the RA's messages, and what comes down.

authority="Bouncy Castle as CA"
port=$((base + 104))
jars=/usr/share/java/bcpkix.jar:/usr/share/java/bcprov.jar:/usr/share/java/bcutil.jar
check "$authority: its program compiles" javac -Xlint:none -cp "$jars" -d . "$here/clients/bouncycastle/Pem.java" \
    "$here/authorities/bouncycastle/CmcAuthority.java"

house 100
# authority_cmc WORD...: the CA of the house.
authority_cmc() {
    for name in issuing cmp-signer; do
        cp "$pki/$name.key" "$name.key" && openssl pkey -in "$name.key" -pubout -out "$name.pub"
    done
    java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp "$jars:." CmcAuthority "port=$port" "issuing=$pki/issuing.pem" issuingkey=issuing.key \
        "signer=$pki/cmp-signer.pem" signerkey=cmp-signer.key "$@" >>authority.log 2>&1 &
    authority_pid=$!
    children+=("$authority_pid")
    for _ in $(seq 100); do
        (: </dev/tcp/127.0.0.1/$port) 2>/dev/null && break
        sleep 0.1
    done
}
sed -i -e '/^\[authority/,/^\[/s|^kind = .*|kind = "cmc"|' -e "s|^url = .*|url = \"http://127.0.0.1:$port/cmc\"|" -e '/^nested = /d' -e '/^batch_/d' \
    -e 's|^forward = .*|forward = "behalf"|' -e '/^\[profile.default\]/a proof = "ra-verified"' "$house/daftar.toml"
authority_cmc encoding=DER
open_house
house_code
ROOT_CA=$pki/root.pem ISSUING_CHAIN=$pki/issuing.pem TLS_CA=$pki/root.pem
EST_URL=https://localhost:$((base + 100))/.well-known/est
host=127.0.0.1:$((base + 101))/.well-known/cmp

# wanted NAME: a key and a request for it.
wanted() {
    new_key "$1" && new_csr "$1" "/CN=$1.plant.example"
}
# by_est NAME: asks as long as it is told to wait.
by_est() {
    body "$1"
    local status
    for _ in $(seq 60); do
        status=$(curl -sS --cacert "$TLS_CA" -o "$1.p7" -w '%{http_code}' -u "$reference:$secret" -H 'Content-Type: application/pkcs10' \
            --data-binary "@$1.b64" "$EST_URL/simpleenroll")
        [ "$status" = 202 ] || break
        sleep 0.5
    done
    echo "status $status"
    [ "$status" = 200 ] || { cat "$1.p7"; return 1; }
    unpack "$1.p7" "$1" && certified "$1" "$1.key"
}
# judged FILE: openssl finds that the RA signed it, and a PKIData in it.
judged() {
    cat "$pki/issuing.pem" "$pki/root.pem" >chain.pem
    openssl cms -verify -inform DER -in "$1" -CAfile chain.pem -purpose any -binary -signer by.pem -out content.der &&
        diff <(openssl x509 -in by.pem -noout -pubkey) <(openssl x509 -in "$pki/ra.pem" -noout -pubkey) &&
        openssl asn1parse -inform DER -in "$1" | grep 'OBJECT *:id-cct-PKIData'
}
# contains FILE NAME: NAME's PKCS#10 stands in it byte for byte.
contains() {
    openssl req -in "$2.csr" -outform DER | hexadecimal >"$2.hex"
    hexadecimal <"$1" | grep -F "$(cat "$2.hex")"
}
hexadecimal() {
    od -An -v -tx1 | tr -d ' \n'
}

wanted pump
check "$authority: EST enrolment succeeds (PKCS#10)" by_est pump
check "$authority: openssl finds the message signed by the RA" judged message-1.der
check "$authority: the PKCS#10 went up byte for byte" contains message-1.der pump
wanted valve
check "$authority: CMP enrolment succeeds (ir), as the RA vouches" asked valve valve.key cmp -ref "$reference" -secret "pass:$secret" -cmd ir \
    -newkey valve.key -subject /CN=valve.plant.example
check "$authority: it knows that the RA vouched" grep -q 'the RA vouches for body part 1' authority.log
check "$authority: openssl finds that message signed by the RA, too" judged message-2.der
wanted patient
check "$authority: what waits is asked for by its token" by_est patient
check "$authority: it was told to wait once" [ "$(grep -c 'cMCStatus 3' authority.log)" = 1 ]
wanted careful
check "$authority: a certificate that wants to be confirmed is" by_est careful
check "$authority: it has the confirmation" grep -qx confirmed authority.log
wanted refused
check "$authority: its refusal comes down in its words" says 'unsupportedExt: not such a one' by_est refused
check "$authority: CMP revocation succeeds (rr)" cmp -cert valve.pem -key valve.key -extracerts "$ISSUING_CHAIN" -cmd rr -oldcert valve.pem -revreason 1
check "$authority: it revoked that one" grep -q '^revoked [0-9]* for .*: true' authority.log
for message in message-*.der; do
    check "$authority: openssl finds $message signed by the RA" judged "$message"
done

# RFC 10003 section 6.2: "the BER encoding".
kill "$authority_pid" && wait "$authority_pid" 2>/dev/null
authority_cmc encoding=BER
wanted ber
check "$authority: answers in BER are read, too" by_est ber

# The same CA, but its answers are signed by somebody else of the same PKI.
kill "$authority_pid" && wait "$authority_pid" 2>/dev/null
cp "$pki/device.key" device.key && openssl pkey -in device.key -pubout -out device.pub
authority_cmc encoding=DER "signer=$pki/device.pem" signerkey=device.key
wanted foreign
not_believed() {
    body foreign
    [ "$(curl -sS --cacert "$TLS_CA" -o /dev/null -w '%{http_code}' -u "$reference:$secret" -H 'Content-Type: application/pkcs10' \
        --data-binary @foreign.b64 "$EST_URL/simpleenroll")" = 202 ] && grep -q 'not signed by its configured signer' serve.log
}
check "$authority: an answer that somebody else signed is not believed" not_believed
kill "$authority_pid" && wait "$authority_pid" 2>/dev/null
