# CMP by OpenSSL's client (RFC 9483): Debian's 3.0, or the one that `client` names.

client=${client:-openssl}
who=${who:-openssl cmp}
host=${CMP_URL#http://}

# new_device NAME [OPENSSL GENPKEY WORDS]: NAME.pem, a certificate by the manufacturer, or by MAKER.
new_device() {
    local name=$1 maker=${MAKER:-${MANUFACTURER_CA%.pem}}
    shift
    "$client" genpkey "$@" -out "$name.key" 2>/dev/null
    "$client" req -new -config /dev/null -key "$name.key" -subj "/O=Demo/CN=$name" -out "$name.csr"
    printf 'keyUsage=critical,digitalSignature\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n' >device.ext
    "$client" x509 -req -in "$name.csr" -CA "$maker.pem" -CAkey "$maker.key" -days 90 -extfile device.ext \
        -out "$name.pem" 2>/dev/null
}

mac=(-ref "$CMP_REF" -secret "pass:$CMP_SECRET")
device=(-cert "$DEVICE_CERT" -key "$DEVICE_KEY")
for confirm in certConf implicitConfirm; do
    implicit=()
    [ "$confirm" = certConf ] || implicit=(-implicit_confirm)
    for protection in MAC signature; do
        if [ "$protection" = MAC ]; then words=("${mac[@]}"); else words=("${device[@]}"); fi
        for command in ir cr; do
            new_key "$command"
            check "$who: $command, $protection, $confirm" asked got "$command.key" cmp "${words[@]}" -cmd "$command" \
                -newkey "$command.key" -subject "/CN=$command.plant.example" -sans "$command.plant.example" "${implicit[@]}"
        done
        new_key p10 && new_csr p10 /CN=p10.plant.example
        check "$who: p10cr, $protection, $confirm" asked got p10.key cmp "${words[@]}" -cmd p10cr -csr p10.csr "${implicit[@]}"
    done
done

# Whether a message was sent is told by what the client says it does.
confirmed() {
    "$@" >said.log 2>&1 && cat said.log && grep -q 'sending CERTCONF' said.log && grep -q 'received PKICONF' said.log
}
unconfirmed() {
    "$@" >said.log 2>&1 && cat said.log && ! grep -q CERTCONF said.log
}
new_key said
check "$who: without implicitConfirm there is a certConf and a pkiConf" confirmed cmp "${mac[@]}" -cmd ir -newkey said.key \
    -subject /CN=said.plant.example -certout said.pem
check "$who: with implicitConfirm there is none" unconfirmed cmp "${mac[@]}" -cmd ir -newkey said.key -subject /CN=said.plant.example \
    -certout said.pem -implicit_confirm

for digest in sha256 sha384 sha512; do
    check "$who: ir, PasswordBasedMac with $digest and HMAC-SHA256" asked got said.key cmp "${mac[@]}" -digest "$digest" -mac hmacWithSHA256 \
        -cmd ir -newkey said.key -subject /CN=said.plant.example
done

kinds=("P-256 -algorithm EC -pkeyopt ec_paramgen_curve:P-256" "P-384 -algorithm EC -pkeyopt ec_paramgen_curve:P-384"
    "P-521 -algorithm EC -pkeyopt ec_paramgen_curve:P-521" "RSA-2048 -algorithm RSA -pkeyopt rsa_keygen_bits:2048"
    "RSA-3072 -algorithm RSA -pkeyopt rsa_keygen_bits:3072")
new_key fresh
for kind in "${kinds[@]}" "${more_kinds[@]}"; do
    # shellcheck disable=SC2086
    new_device $kind
    kind=${kind%% *}
    check "$who: ir signed with a device's $kind key" asked got fresh.key cmp -cert "$kind.pem" -key "$kind.key" -cmd ir -newkey fresh.key \
        -subject "/CN=$kind.plant.example"
done
for kind in "${kinds[@]}"; do
    kind=${kind%% *}
    check "$who: cr for a $kind key" asked "own-$kind" "$kind.key" cmp "${device[@]}" -cmd cr -newkey "$kind.key" -subject "/CN=$kind.plant.example"
    check "$who: kur signed with a $kind key" asked "next-$kind" fresh.key cmp -cert "own-$kind.pem" -key "$kind.key" -cmd kur \
        -newkey fresh.key -oldcert "own-$kind.pem"
    check "$who: rr signed with a $kind key" cmp -cert "own-$kind.pem" -key "$kind.key" -cmd rr -oldcert "own-$kind.pem" -revreason 4
done
for digest in sha384 sha512; do
    check "$who: ir, signed with $digest" asked got fresh.key cmp "${device[@]}" -digest "$digest" -cmd ir -newkey fresh.key \
        -subject /CN=digest.plant.example
done
check "$who: SHA-1 in a signature is badAlg" refused badAlg cmp "${device[@]}" -digest sha1 -cmd ir -newkey fresh.key -subject /CN=digest.plant.example

new_key tls
check "$who: ir over HTTPS" asked got tls.key cmps "${mac[@]}" -cmd ir -newkey tls.key -subject /CN=tls.plant.example
new_key rsa -algorithm RSA -pkeyopt rsa_keygen_bits:2048
check "$who: ir for an RSA key" asked got rsa.key cmp "${mac[@]}" -cmd ir -newkey rsa.key -subject /CN=rsa.plant.example
place=p/default check "$who: ir at the path of a profile" asked got fresh.key cmp "${mac[@]}" -cmd ir -newkey fresh.key -subject /CN=path.plant.example
place=initialization check "$who: ir at the path of its operation" asked got fresh.key cmp "${mac[@]}" -cmd ir -newkey fresh.key \
    -subject /CN=path.plant.example
place=p/default/certification check "$who: cr at the path of profile and operation" asked got fresh.key cmp "${mac[@]}" -cmd cr -newkey fresh.key \
    -subject /CN=path.plant.example
place=keyupdate check "$who: ir at the path of another operation is badRequest" refused badRequest cmp "${mac[@]}" -cmd ir -newkey fresh.key \
    -subject /CN=path.plant.example
check "$who: ir with another generalInfo" asked got fresh.key cmp "${mac[@]}" -cmd ir -newkey fresh.key -subject /CN=info.plant.example \
    -geninfo 1.3.6.1.4.1.55555.1:int:5
check "$who: ir with days, names and addresses" asked got fresh.key cmp "${mac[@]}" -cmd ir -newkey fresh.key -subject /CN=many.plant.example \
    -sans 'a.plant.example b.plant.example 192.0.2.7' -days 20

new_key own
check "$who: a certificate to be updated" asked own own.key cmp "${device[@]}" -cmd ir -newkey own.key -subject /CN=own.plant.example
new_key next
check "$who: kur, signature" asked next next.key cmp -cert own.pem -key own.key -cmd kur -newkey next.key -oldcert own.pem
new_key after
check "$who: kur, signature, implicitConfirm" asked after after.key cmp -cert next.pem -key next.key -cmd kur -newkey after.key -implicit_confirm
check "$who: kur, MAC, is wrongIntegrity" refused wrongIntegrity cmp "${mac[@]}" -cmd kur -newkey own.key -oldcert after.pem
check "$who: rr, MAC, is wrongIntegrity" says wrongIntegrity cmp "${mac[@]}" -cmd rr -oldcert after.pem -revreason 1
check "$who: kur of an updated certificate is badCertId" refused badCertId cmp -cert own.pem -key own.key -cmd kur -newkey next.key
check "$who: kur of another's certificate is refused" refused 'badCertId\|notAuthorized' cmp "${device[@]}" -cmd kur -newkey next.key -oldcert after.pem
check "$who: rr of another's certificate is notAuthorized" says notAuthorized cmp "${device[@]}" -cmd rr -oldcert after.pem -revreason 1
check "$who: rr, signature" cmp -cert after.pem -key after.key -cmd rr -oldcert after.pem -revreason 1
new_key late
check "$who: a revoked certificate opens no door" says signerNotTrusted cmp -cert after.pem -key after.key -cmd kur \
    -newkey late.key -oldcert after.pem -certout refused.pem

crl_has_it() {
    curl -sS "${UPSTREAM_CMP_URL%/cmp}/ca.crl" | openssl crl -inform DER -out ca-crl.pem
    says 'certificate revoked' openssl verify -crl_check -CRLfile ca-crl.pem -CAfile "$ROOT_CA" -untrusted "$ISSUING_CHAIN" after.pem
}
check "openssl verify: the CA's list has the certificate that $who revoked" crl_has_it

# polled DECISION COMMAND...: the command asks; an officer decides while it polls.
polled() {
    local decision=$1 pid case= rc text=()
    [ "$decision" = approve ] || text=(--text 'not in the plan')
    shift
    "$@" >polled.log 2>&1 &
    pid=$!
    for _ in $(seq 100); do
        case=$("$daftar" case list --config "$CONFIG" | awk '/CN=hand.plant.example/ && /received|checked/ { print $1; exit }')
        [ -z "$case" ] || break
        sleep 0.1
    done
    "$daftar" case "$decision" "$case" --as "$OFFICERS/anna.pem" "${text[@]}" --config "$CONFIG"
    wait "$pid"
    rc=$?
    cat polled.log
    grep -q 'sending POLLREQ' polled.log && return "$rc"
}
for command in ir cr p10cr; do
    new_key hand && new_csr hand /CN=hand.plant.example
    words=(-newkey hand.key -subject /CN=hand.plant.example)
    [ "$command" != p10cr ] || words=(-csr hand.csr)
    place=p/by-hand check "$who: $command, polling until an officer approves" polled approve asked hand hand.key cmp "${device[@]}" -cmd "$command" \
        "${words[@]}"
done
new_key hand
place=p/by-hand check "$who: ir, polling until an officer refuses" polled refuse refused 'not in the plan' cmp "${device[@]}" -cmd ir \
    -newkey hand.key -subject /CN=hand.plant.example

# OpenSSL's words for "possession was verified by a registration authority": -popo 0.
other=(-cert "$OTHER_RA_CERT" -key "$OTHER_RA_KEY")
check "$who: raVerified from a trusted RA" asked got fresh.key cmp "${other[@]}" -cmd ir -popo 0 -newkey fresh.key -subject /CN=below.plant.example
check "$who: raVerified from a trusted RA, cr, implicitConfirm" asked below fresh.key cmp "${other[@]}" -cmd cr -popo 0 -newkey fresh.key \
    -subject /CN=below.plant.example -implicit_confirm
check "$who: a trusted RA asks with the requester's own proof" asked got fresh.key cmp "${other[@]}" -cmd cr -newkey fresh.key \
    -subject /CN=below.plant.example
check "$who: a trusted RA sends a PKCS #10" asked got p10.key cmp "${other[@]}" -cmd p10cr -csr p10.csr
check "$who: a trusted RA revokes for another" cmp "${other[@]}" -cmd rr -oldcert below.pem -revreason 5
check "$who: raVerified from an end entity is notAuthorized" refused notAuthorized cmp "${device[@]}" -cmd ir -popo 0 -newkey late.key \
    -subject /CN=late.plant.example
check "$who: raVerified under a shared secret is notAuthorized" refused notAuthorized cmp "${mac[@]}" -cmd ir -popo 0 -newkey late.key \
    -subject /CN=late.plant.example
check "$who: a key that is to be proven by decrypting is badPOP" refused badPOP cmp "${device[@]}" -cmd ir -popo 2 -newkey rsa.key \
    -subject /CN=late.plant.example

check "$who: a wrong secret is badMessageCheck" refused badMessageCheck cmp -ref "$CMP_REF" -secret pass:wrong -cmd ir -newkey late.key \
    -subject /CN=late.plant.example
check "$who: an unknown reference is badMessageCheck" refused badMessageCheck cmp -ref nobody -secret "pass:$CMP_SECRET" -cmd ir \
    -newkey late.key -subject /CN=late.plant.example
check "$who: a message without protection is badMessageCheck" refused badMessageCheck cmp -unprotected_requests -cmd ir -newkey late.key \
    -subject /CN=late.plant.example
openssl req -x509 -config /dev/null -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout strange.key -subj /CN=Strange -days 9 \
    -addext basicConstraints=critical,CA:TRUE -out strange.pem 2>/dev/null
MAKER=strange new_device stranger -algorithm EC -pkeyopt ec_paramgen_curve:P-256
check "$who: a signer that nobody knows is signerNotTrusted" refused signerNotTrusted cmp -cert stranger.pem -key stranger.key -cmd ir \
    -newkey late.key -subject /CN=late.plant.example
check "$who: a name that is not allowed is badCertTemplate" refused badCertTemplate cmp "${mac[@]}" -cmd ir -newkey late.key \
    -subject '/CN=late.plant.example/title=chief'
new_key weak -algorithm RSA -pkeyopt rsa_keygen_bits:1024
check "$who: a weak key is badCertTemplate" refused badCertTemplate cmp "${mac[@]}" -cmd ir -newkey weak.key -subject /CN=weak.plant.example
place=p/nobody check "$who: a profile that is not there is refused" refused 'CMP error' cmp "${mac[@]}" -cmd ir -newkey late.key \
    -subject /CN=late.plant.example

# asks TYPE [CMP WORDS]: the answer must name this type. 3.0 knows few names and shows no more than this.
asks() {
    local type=$1
    shift
    cmp "$@" -cmd genm -infotype "$type" >genm.log 2>&1
    cat genm.log
    grep -q "ITAV.*id-it-${answer:-$type}\$" genm.log
}
if "$client" version | grep -q '^OpenSSL 3\.0\.'; then
    for type in caCerts certReqTemplate; do
        check "$who: genm $type, signature" asks "$type" "${device[@]}"
        check "$who: genm $type, MAC" asks "$type" "${mac[@]}"
        place=p/default check "$who: genm $type at the path of a profile" asks "$type" "${device[@]}"
    done
    place=getcacerts check "$who: genm caCerts at the path of its operation" asks caCerts "${device[@]}"
fi
check "$who: genm currentCRL" asks currentCRL "${device[@]}"
answer=unsupportedOIDs check "$who: genm of a type that is not answered is told so" asks signKeyPairTypes "${device[@]}"
check "$who: genm with a wrong secret is badMessageCheck" says badMessageCheck cmp -ref "$CMP_REF" -secret pass:wrong -cmd genm -infotype caCerts \
    -cacertsout refused.pem
