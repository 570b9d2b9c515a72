# What OpenSSL's client and its mock CA say to each other. The mock has one transaction at a time, so there is a new one for each group.

export PROGRAM=$later
door=127.0.0.1:$((base + 20))/pkix/
PLACE=$door
server=mock36
printf 'mock-reference\tmock secret\n' >>"$out/secrets.tsv"

# signed NAME ISSUER EXTENSIONS WORDS...: NAME.pem for a new key; ISSUER signs, or itself.
signed() {
    local name=$1 issuer=$2 extensions=$3
    shift 3
    "$later" genpkey "$@" -out "$name.key" 2>/dev/null
    printf '%b' "subjectKeyIdentifier=hash\n$extensions\n" >signed.ext
    "$later" req -new -config /dev/null -key "$name.key" -subj "/CN=$name" -out signed.csr
    if [ "$issuer" = "$name" ]; then
        "$later" x509 -req -in signed.csr -signkey "$name.key" -days 9000 -extfile signed.ext -out "$name.pem" 2>/dev/null
    else
        "$later" x509 -req -in signed.csr -CA "$issuer.pem" -CAkey "$issuer.key" -days 9000 -extfile signed.ext -out "$name.pem" 2>/dev/null
    fi
}
ec=(-algorithm EC -pkeyopt ec_paramgen_curve:P-256)
rsa=(-algorithm RSA -pkeyopt rsa_keygen_bits:2048)
signed root root 'basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign,cRLSign' "${ec[@]}"
signed device root 'keyUsage=digitalSignature' "${ec[@]}"
signed rsadevice root 'keyUsage=digitalSignature,keyEncipherment' "${rsa[@]}"
signed given root 'keyUsage=digitalSignature' "${ec[@]}"
signed next next 'basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign,cRLSign' "${ec[@]}"
signed nextwithold root 'basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign,cRLSign' "${ec[@]}"
server_use='keyUsage=digitalSignature\nextendedKeyUsage=cmKGA'
signed p256 root "$server_use" "${ec[@]}"
signed p384 root "$server_use" -algorithm EC -pkeyopt ec_paramgen_curve:P-384
signed p521 root "$server_use" -algorithm EC -pkeyopt ec_paramgen_curve:P-521
signed rsa root "$server_use" "${rsa[@]}"
signed ed25519 root "$server_use" -algorithm ED25519
signed pss root "$server_use" -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048
"$later" req -new -config /dev/null -key given.key -subj /CN=given -out given.csr
: >index.txt
printf '[ca]\ndefault_ca=own\n[own]\ndatabase=index.txt\ndefault_md=sha256\ndefault_crl_days=9000\n' >ca.conf
"$later" ca -config ca.conf -gencrl -keyfile root.key -cert root.pem -out root.crl 2>/dev/null
ROOT_CA=root.pem

# mock WORDS...: a new mock CA.
mock() {
    [ -z "${mock_pid:-}" ] || { kill "$mock_pid" && wait "$mock_pid"; } 2>/dev/null
    "$PROGRAM" cmp -config '' -port $((base + 20)) -rsp_cert given.pem "$@" >>mock.log 2>&1 &
    mock_pid=$!
    children+=("$mock_pid")
    sleep 0.6
}
device=(-cert device.pem -key device.key -recipient /CN=p256)
new=(-newkey given.key -subject /CN=given)
signing() {
    echo "-srv_cert $1.pem -srv_key $1.key -srv_trusted root.pem -rsp_key given.key"
}
for key in p256 rsa p384 p521 ed25519 pss; do
    # shellcheck disable=SC2046
    mock $(signing $key) -grant_implicitconf
    for command in ir cr; do
        ossl "$command-$key" "${device[@]}" -cmd "$command" "${new[@]}"
        ossl "$command-$key-implicit" "${device[@]}" -cmd "$command" "${new[@]}" -implicit_confirm
    done
    ossl "kur-$key" "${device[@]}" -cmd kur -newkey given.key -oldcert device.pem
    ossl "p10cr-$key" "${device[@]}" -cmd p10cr -csr given.csr
    ossl "rr-$key" "${device[@]}" -cmd rr -oldcert device.pem -revreason 1
    ossl "genm-$key" "${device[@]}" -cmd genm
done
# shellcheck disable=SC2046
mock $(signing p256) -accept_raverified -rsp_capubs root.pem -rsp_newwithnew next.pem -rsp_newwithold nextwithold.pem -rsp_crl root.crl
ossl raverified "${device[@]}" -cmd ir -popo 0 "${new[@]}"
ossl kur-profile "${device[@]}" -cmd kur -newkey given.key -profile default
ossl ir-geninfo "${device[@]}" -cmd ir "${new[@]}" -geninfo 1.3.6.1.4.1.55555.1:int:5
ossl ir-days "${device[@]}" -cmd ir "${new[@]}" -days 20 -sans 'a.example 192.0.2.7'
ossl genm-cacerts "${device[@]}" -cmd genm -infotype caCerts -cacertsout c.pem
ossl genm-rootcacert "${device[@]}" -cmd genm -infotype rootCaCert -oldwithold root.pem -newwithnew w.pem
ossl genm-crlstatuslist "${device[@]}" -cmd genm -infotype crlStatusList -crlcert device.pem -crlout crl.pem
# shellcheck disable=SC2046
mock $(signing p256)
ossl centralkeygen-rsa -cert rsadevice.pem -key rsadevice.key -recipient /CN=p256 -cmd ir -centralkeygen -newkeyout k.key -subject /CN=given
ossl centralkeygen-cr-rsa -cert rsadevice.pem -key rsadevice.key -recipient /CN=p256 -cmd cr -centralkeygen -newkeyout k.key -subject /CN=given
# shellcheck disable=SC2046
mock $(signing p256)
ossl raverified-refused "${device[@]}" -cmd ir -popo 0 "${new[@]}"
for after in 1 2; do
    for command in ir cr kur p10cr rr genm; do
        # shellcheck disable=SC2046
        mock $(signing p256) -poll_count "$after" -check_after 1
        words=("${new[@]}")
        [ "$command" != p10cr ] || words=(-csr given.csr)
        [ "$command" != rr ] || words=(-oldcert device.pem)
        [ "$command" != genm ] || words=()
        [ "$command" != kur ] || words=(-newkey given.key)
        ossl "poll$after-$command" "${device[@]}" -cmd "$command" "${words[@]}"
    done
done
for bit in 0 2 9 19 26; do
    # shellcheck disable=SC2046
    mock $(signing p256) -pkistatus 2 -failure "$bit" -statusstring "refused with the bit $(tr 0-9 a-j <<<"$bit")"
    for command in ir rr; do
        words=("${new[@]}")
        [ "$command" != rr ] || words=(-oldcert device.pem)
        ossl "rejected$bit-$command" "${device[@]}" -cmd "$command" "${words[@]}"
    done
    # shellcheck disable=SC2046
    mock $(signing p256) -send_error -failure "$bit" -statusstring "an error with the bit $(tr 0-9 a-j <<<"$bit")"
    ossl "error$bit" "${device[@]}" -cmd ir "${new[@]}"
done
for status in 1 4 5 6; do
    # shellcheck disable=SC2046
    mock $(signing p256) -pkistatus "$status" -statusstring "the status $(tr 0-9 a-j <<<"$status") it is"
    ossl "status$status" "${device[@]}" -cmd ir "${new[@]}"
done
# shellcheck disable=SC2046
mock $(signing p256) -send_unprot_err
ossl unprotected-error -ref mock-reference -secret 'pass:wrong' -cmd ir "${new[@]}"

secret=(-ref mock-reference -secret 'pass:mock secret')
both=(-srv_ref mock-reference -srv_secret 'pass:mock secret')
for program in "$later" openssl; do
    PROGRAM=$program
    [ "$program" = "$later" ] || server=mock30
    mock "${both[@]}" -accept_raverified -grant_implicitconf
    for command in ir cr; do
        ossl "mac-$command" "${secret[@]}" -cmd "$command" "${new[@]}"
        ossl "mac-$command-implicit" "${secret[@]}" -cmd "$command" "${new[@]}" -implicit_confirm
        ossl "mac-$command-raverified" "${secret[@]}" -cmd "$command" -popo 0 "${new[@]}"
    done
    ossl mac-p10cr "${secret[@]}" -cmd p10cr -csr given.csr
    ossl mac-kur "${secret[@]}" -cmd kur -newkey given.key -oldcert device.pem
    ossl mac-rr "${secret[@]}" -cmd rr -oldcert device.pem
    ossl mac-genm "${secret[@]}" -cmd genm
    ossl mac-sha512 "${secret[@]}" -digest sha512 -mac hmacWithSHA512 -cmd ir "${new[@]}"
    mock "${both[@]}" -poll_count 1 -check_after 1
    ossl mac-poll "${secret[@]}" -cmd ir "${new[@]}"
    mock "${both[@]}" -send_error -failurebits 67108865
    ossl mac-error "${secret[@]}" -cmd ir "${new[@]}"
done
mock "${both[@]}"
[ "$PROGRAM" = openssl ] || ossl mac-centralkeygen "${secret[@]}" -cmd ir -centralkeygen -newkeyout k.key -subject /CN=given
kill "$mock_pid" 2>/dev/null && wait "$mock_pid" 2>/dev/null
