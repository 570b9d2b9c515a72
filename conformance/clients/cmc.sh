# Full CMC over EST by Bouncy Castle's types, whose program stands in bouncycastle/Cmc.java: it makes the messages and reads the
# answers; openssl judges who signed them. The office is one of its own, as no profile of a demo speaks CMC.

jars=/usr/share/java/bcpkix.jar:/usr/share/java/bcprov.jar:/usr/share/java/bcutil.jar
check "cmc: Bouncy Castle's program compiles" javac -Xlint:none -cp "$jars" -d . "$here/clients/bouncycastle/Pem.java" "$here/clients/bouncycastle/Cmc.java"

house 60
sed -n '/^\[profile.default\]/,/^\[profile/p' "$house/daftar.toml" | sed '$d;s/profile.default/profile.vetted/;s/"automatic"/"by-hand"/' >vetted.toml
cat vetted.toml >>"$house/daftar.toml"
sed -i 's/^\[profile\.\(default\|vetted\)\]/&\nest.full_cmc = true/' "$house/daftar.toml"
open_house authority
house_code
ROOT_CA=$pki/root.pem ISSUING_CHAIN=$pki/issuing.pem

# castle COMMAND NAME=VALUE...: one message, to the profile LABEL if there is one.
castle() {
    rm -f response.der
    java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp "$jars:." Cmc "$@" "roots=$pki/root.pem" response=response.der \
        "url=https://localhost:$((base + 60))/.well-known/est${label:+/$label}/fullcmc"
}
# judged: the RA signed the last answer.
judged() {
    openssl cms -verify -inform DER -in response.der -CAfile "$pki/root.pem" -purpose any -signer by.pem -out content.der &&
        diff <(openssl x509 -in by.pem -noout -pubkey) <(openssl x509 -in "$pki/ra.pem" -noout -pubkey)
}
# castled COMMAND...: it must bring a certificate for the new key, in an answer that the RA signed.
castled() {
    rm -f got.pem
    castle "$@" out=got.pem && judged && certified got new.key
}
# refused CODE COMMAND...: it must be refused with this CMCFailInfo, in an answer that the RA signed.
refused() {
    local failure=$1
    shift
    says "failInfo=$failure " castle "$@" && judged
}
pair() {
    openssl pkey -in "$1.key" -pubout -out "$1.pub"
}

cp "$pki/device.key" device.key && pair device
new_key new && pair new
new_key other && pair other
wanted=(new=new.key subject=CN=castle.plant.example)
signed=("cert=$pki/device.pem" key=device.key)
proven=("ref=$reference" "secret=$secret")
# RFC 10002 section 6.1.4.
badRequest=2 badCertId=4 popFailed=9 badIdentity=7 noKeyReuse=10

check "cmc: PKCS#10 signed by its own key, with a code by HTTP" castled pkcs10 "${wanted[@]}" "user=$reference" "password=$secret"
check "cmc: PKCS#10 with an identity proof" castled pkcs10 "${wanted[@]}" "${proven[@]}"
check "cmc: PKCS#10 with an identity proof and a POP link" castled pkcs10 "${wanted[@]}" "${proven[@]}" link=hash
check "cmc: a POP link whose key is by PBKDF2" castled pkcs10 "${wanted[@]}" "${proven[@]}" link=1000
check "cmc: PKCS#10 signed by a holder, known by TLS" castled pkcs10 "${wanted[@]}" "${signed[@]}" tls
check "cmc: CRMF signed by a holder" castled crmf "${wanted[@]}" "${signed[@]}"
cp got.pem own.pem
check "cmc: a wrong identity proof is badIdentity" refused $badIdentity pkcs10 "${wanted[@]}" "ref=$reference" secret=wrong
check "cmc: a POP link of another secret is popFailed" refused $popFailed pkcs10 "${wanted[@]}" "${proven[@]}" link=hash linksecret=wrong
check "cmc: a POP link by PBKDF2 of another secret is popFailed" refused $popFailed pkcs10 "${wanted[@]}" "${proven[@]}" link=1000 linksecret=wrong
check "cmc: PKCS#10 signed by another key is popFailed" refused $popFailed pkcs10 "${wanted[@]}" "${signed[@]}" other=other.key
check "cmc: CRMF signed by another key is popFailed" refused $popFailed crmf "${wanted[@]}" "${signed[@]}" other=other.key

# waits: the answer is 202 with Retry-After and pending; its token goes on.
waits() {
    local said
    said=$(label=vetted castle pkcs10 "${wanted[@]}" "${signed[@]}" tls)
    echo "$said"
    token=$(sed -n 's/.*token=\([^ ]*\) .*/\1/p' <<<"$said")
    time=$(sed -n 's/.*time=\([^ ]*\) .*/\1/p' <<<"$said")
    grep -q 'HTTP 202 .*Retry-After=[0-9]' <<<"$said" && grep -q 'cMCStatus=3 ' <<<"$said" && [ -n "$token" ] && judged
}
# until_issued: asks by the token until the certificate is there.
until_issued() {
    for _ in $(seq 50); do
        ! label=vetted castled query "token=$token" "${signed[@]}" tls "${wanted[@]}" || return 0
        sleep 0.2
    done
    return 1
}
check "cmc: who is vetted by hand is told to wait" waits
check "cmc: the same pendInfo is told to who queries" eval 'label=vetted says "token=$token time=$time " castle query "token=$token" "${signed[@]}" tls "${wanted[@]}" && judged'
id=$("$daftar" case list --state checked --json --config "$house/daftar.toml" | grep -o '"id":"[^"]*"' | head -1 | cut -d'"' -f4)
check "cmc: an officer approves" "$daftar" case approve "$id" --officer anna --config "$house/daftar.toml"
check "cmc: a query brings the certificate" until_issued

check "cmc: somebody else's certificate is not revoked" refused $badRequest revoke old=own.pem reason=1 "${signed[@]}"
check "cmc: a holder has its certificate revoked" eval 'castle revoke old=own.pem reason=1 cert=own.pem key=new.key && judged'
check "cmc: what never came from here is badCertId" refused $badCertId revoke "old=$pki/root.pem" reason=1 "${signed[@]}"
