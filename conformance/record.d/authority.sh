# What a registration authority and the demo CA say to each other.

server=democa
PLACE=${UPSTREAM_CMP_URL#http://}
new_key n && new_csr n /CN=n.example
new=(-newkey n.key -subject /CN=n.example)
export PROGRAM=$later
for command in ir cr; do
    ossl "$command" "${other[@]}" -cmd "$command" "${new[@]}" -certout "$command.pem"
    ossl "$command-implicit" "${other[@]}" -cmd "$command" "${new[@]}" -implicit_confirm
    ossl "$command-raverified" "${other[@]}" -cmd "$command" -popo 0 "${new[@]}" -implicit_confirm
done
ossl p10cr "${other[@]}" -cmd p10cr -csr n.csr
ossl kur -cert ir.pem -key n.key -cmd kur -newkey n.key
ossl rr "${other[@]}" -cmd rr -oldcert ir.pem -revreason 1
ossl rr-again "${other[@]}" -cmd rr -oldcert ir.pem -revreason 1
ossl genm-cacerts "${other[@]}" -cmd genm -infotype caCerts -cacertsout c.pem
ossl genm-rootcacert "${other[@]}" -cmd genm -infotype rootCaCert -oldwithold "$ROOT_CA" -newwithnew w.pem
ossl genm-crlstatuslist "${other[@]}" -cmd genm -infotype crlStatusList -crlcert "$OTHER_RA_CERT" -crlout crl.pem
ossl genm-currentcrl "${other[@]}" -cmd genm -infotype currentCRL
ossl bad-device -cert "$work/daftar/p256.pem" -key "$work/daftar/p256.key" -cmd ir "${new[@]}"
ossl bad-mac -ref nobody -secret pass:secret -cmd ir "${new[@]}"
ossl bad-sha1 "${other[@]}" -digest sha1 -cmd ir "${new[@]}"
ossl bad-unprotected -unprotected_requests -cmd ir "${new[@]}"
ossl centralkeygen "${other[@]}" -cmd ir -centralkeygen -newkeyout k.key -subject /CN=n.example
unset PROGRAM
kill "$office_pid" && wait "$office_pid" 2>/dev/null
