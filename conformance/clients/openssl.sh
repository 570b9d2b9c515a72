# CMP by OpenSSL's client (RFC 9483).

host=${CMP_URL#http://}

# cmp WORDS...: one transaction over HTTP.
cmp() {
    openssl cmp -config '' -server "${host%%/*}" -path "${host#*/}" -trusted "$ROOT_CA" -unprotected_errors \
        -msg_timeout 20 -total_timeout 40 "$@"
}

# cmps WORDS...: one over HTTPS.
cmps() {
    local url=${CMPS_URL#https://}
    url=${url/127.0.0.1/localhost}
    openssl cmp -config '' -server "https://${url%%/*}" -path "${url#*/}" -tls_used -tls_trusted "$TLS_CA" -trusted "$ROOT_CA" \
        -msg_timeout 20 -total_timeout 40 "$@"
}

# asked NAME KEY COMMAND...: the command must bring NAME.pem, a certificate for KEY.
asked() {
    local name=$1 key=$2
    shift 2
    rm -f "$name.pem"
    "$@" -certout "$name.pem" && certified "$name" "$key"
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
            check "openssl cmp: $command, $protection, $confirm" asked got "$command.key" cmp "${words[@]}" -cmd "$command" \
                -newkey "$command.key" -subject "/CN=$command.plant.example" -sans "$command.plant.example" "${implicit[@]}"
        done
        new_key p10 && new_csr p10 /CN=p10.plant.example
        check "openssl cmp: p10cr, $protection, $confirm" asked got p10.key cmp "${words[@]}" -cmd p10cr -csr p10.csr "${implicit[@]}"
    done
done

new_key tls
check "openssl cmp: ir over HTTPS" asked got tls.key cmps "${mac[@]}" -cmd ir -newkey tls.key -subject /CN=tls.plant.example
new_key rsa -algorithm RSA -pkeyopt rsa_keygen_bits:2048
check "openssl cmp: ir for an RSA key" asked got rsa.key cmp "${mac[@]}" -cmd ir -newkey rsa.key -subject /CN=rsa.plant.example

new_key own
check "openssl cmp: a certificate to be updated" asked own own.key cmp "${device[@]}" -cmd ir -newkey own.key -subject /CN=own.plant.example
new_key next
check "openssl cmp: kur, signature" asked next next.key cmp -cert own.pem -key own.key -cmd kur -newkey next.key -oldcert own.pem
check "openssl cmp: kur, MAC, is wrongIntegrity" says wrongIntegrity cmp "${mac[@]}" -cmd kur -newkey own.key -oldcert next.pem -certout refused.pem
check "openssl cmp: rr, MAC, is wrongIntegrity" says wrongIntegrity cmp "${mac[@]}" -cmd rr -oldcert next.pem -revreason 1
check "openssl cmp: rr, signature" cmp -cert next.pem -key next.key -cmd rr -oldcert next.pem -revreason 1
new_key late
check "openssl cmp: a revoked certificate opens no door" says signerNotTrusted cmp -cert next.pem -key next.key -cmd kur \
    -newkey late.key -oldcert next.pem -certout refused.pem

crl_has_it() {
    curl -sS "${UPSTREAM_CMP_URL%/cmp}/ca.crl" | openssl crl -inform DER -out ca-crl.pem
    says 'certificate revoked' openssl verify -crl_check -CRLfile ca-crl.pem -CAfile "$ROOT_CA" -untrusted "$ISSUING_CHAIN" next.pem
}
check "openssl verify: the CA's list has the revoked certificate" crl_has_it

check "openssl cmp: a wrong secret is badMessageCheck" says badMessageCheck cmp -ref "$CMP_REF" -secret pass:wrong -cmd ir -newkey late.key \
    -subject /CN=late.plant.example -certout refused.pem
check "openssl cmp: an unknown reference is badMessageCheck" says badMessageCheck cmp -ref nobody -secret "pass:$CMP_SECRET" -cmd ir \
    -newkey late.key -subject /CN=late.plant.example -certout refused.pem
check "openssl cmp: a name that is not allowed is badCertTemplate" says badCertTemplate cmp "${mac[@]}" -cmd ir -newkey late.key \
    -subject '/CN=late.plant.example/title=chief' -certout refused.pem
# The flag is OpenSSL's for "possession was verified by a registration authority".
check "openssl cmp: raVerified from an end entity is refused" says 'rejected by server' cmp "${device[@]}" -cmd ir -popo 0 -newkey late.key \
    -subject /CN=late.plant.example -certout refused.pem
check "openssl cmp: nothing was handed over by a refusal" not_there refused.pem
