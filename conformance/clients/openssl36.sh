# CMP by OpenSSL 3.6's client: all that 3.0 can, other keys, and the requests that 3.0 does not know. CLIENT is its program.

client=${CLIENT:?the openssl program of 3.6}
who="openssl 3.6 cmp"
more_kinds=("Ed25519 -algorithm ED25519" "RSA-PSS -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048" "ML-DSA-44 -algorithm ML-DSA-44"
    "ML-DSA-65 -algorithm ML-DSA-65" "ML-DSA-87 -algorithm ML-DSA-87")
check "$who: it is 3.6" eval '"$client" version | grep "^OpenSSL 3\.6\."'
# shellcheck source=conformance/clients/openssl.sh
. "$here/clients/openssl.sh"

new_key later
check "$who: -profile" asked got later.key cmp "${device[@]}" -cmd ir -profile default -newkey later.key -subject /CN=later.plant.example
check "$who: -profile under a shared secret" asked got later.key cmp "${mac[@]}" -cmd cr -profile default -newkey later.key -subject /CN=later.plant.example
check "$who: -profile that is not there is badRequest" refused badRequest cmp "${device[@]}" -cmd ir -profile nobody -newkey later.key \
    -subject /CN=later.plant.example
check "$who: -centralkeygen is refused by a rejection" refused badCertTemplate cmp "${device[@]}" -cmd ir -centralkeygen -newkeyout central.key \
    -subject /CN=central.plant.example
check "$who: -centralkeygen under a shared secret is refused" refused badCertTemplate cmp "${mac[@]}" -cmd ir -centralkeygen \
    -newkeyout central.key -subject /CN=central.plant.example
check "$who: no key came" not_there central.key
check "$who: cr for an Ed25519 key" asked own-Ed25519 Ed25519.key cmp "${device[@]}" -cmd cr -newkey Ed25519.key -subject /CN=Ed25519.plant.example
check "$who: kur signed with an Ed25519 key" asked got later.key cmp -cert own-Ed25519.pem -key Ed25519.key -cmd kur -newkey later.key
check "$who: a certificate to be revoked by its number" asked numbered later.key cmp "${device[@]}" -cmd ir -newkey later.key \
    -subject /CN=numbered.plant.example
check "$who: rr by -issuer and -serial" cmp -cert numbered.pem -key later.key -cmd rr \
    -issuer "$(openssl x509 -in numbered.pem -noout -issuer -nameopt compat | sed 's/^issuer=//')" \
    -serial "0x$(openssl x509 -in numbered.pem -noout -serial | sed 's/^serial=//')" -revreason 0

# Support messages (RFC 9483 section 4.3), by a signature and by a shared secret.
chain_came() {
    rm -f ca.pem
    cmp "$@" -cmd genm -infotype caCerts -cacertsout ca.pem && openssl verify -CAfile "$ROOT_CA" -untrusted ca.pem "$ISSUING_CHAIN" &&
        grep -q BEGIN ca.pem
}
crl_came() {
    rm -f crl.pem
    cmp "$@" -cmd genm -infotype crlStatusList -crlcert "$OTHER_RA_CERT" -crlout crl.pem &&
        says 'certificate revoked' openssl verify -crl_check -CRLfile crl.pem -CAfile "$ROOT_CA" -untrusted "$ISSUING_CHAIN" after.pem
}
no_newer_crl() {
    cmp "$@" -cmd genm -infotype crlStatusList -oldcrl crl.pem -crlout newer.pem && not_there newer.pem
}
template_came() {
    rm -f template.der
    cmp "$@" -cmd genm -infotype certReqTemplate -template template.der -keyspec keyspec.der && openssl asn1parse -inform DER -in template.der
}
# The new root, and the new one signed by the old (RFC 9483 section 4.3.2).
new_root_came() {
    rm -f new.pem link.pem
    cmp "$@" -cmd genm -infotype rootCaCert -oldwithold "$ROOT_CA" -newwithnew new.pem -newwithold link.pem &&
        openssl verify -CAfile "$ROOT_CA" link.pem && openssl verify -CAfile new.pem new.pem
}
for protection in signature MAC; do
    if [ "$protection" = MAC ]; then words=("${mac[@]}"); else words=("${device[@]}"); fi
    check "$who: genm caCerts, $protection" chain_came "${words[@]}"
    check "$who: genm rootCaCert, $protection" new_root_came "${words[@]}"
    check "$who: genm certReqTemplate, $protection" template_came "${words[@]}"
    check "$who: genm crlStatusList, $protection" crl_came "${words[@]}"
    check "$who: genm crlStatusList with the newest list, $protection" no_newer_crl "${words[@]}"
done
