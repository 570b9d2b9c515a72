# What clients and Daftar say to each other, and what Daftar says to its CA.

office=$work/office
"$daftar" demo --prepare-only --dir "$office" --port-base "$base" >prepare.log 2>&1
# Shorter answers: their own certificate is enough for a test.
sed -i 's/^cmp.extra_certs = .*/cmp.extra_certs = "protection"/' "$office/daftar.toml"
"$daftar" demo --dir "$office" >demo.log 2>&1 &
office_pid=$!
children+=("$office_pid")
wait_for "$office/demo.env" || exit 1
# shellcheck disable=SC1091
. "$office/demo.env"
printf '%s\t%s\n' "$CMP_REF" "$CMP_SECRET" >>"$out/secrets.tsv"
server=daftar
door=${CMP_URL#http://}
PLACE=$door
mac=(-ref "$CMP_REF" -secret "pass:$CMP_SECRET")
device=(-cert "$DEVICE_CERT" -key "$DEVICE_KEY")
other=(-cert "$OTHER_RA_CERT" -key "$OTHER_RA_KEY")
export PROGRAM=$later

new_key n
new_csr n /CN=n.example
new=(-newkey n.key -subject /CN=n.example)

# maker NAME [OPENSSL GENPKEY WORDS]: NAME.pem, a device's certificate.
maker() {
    local name=$1
    shift
    "$later" genpkey "$@" -out "$name.key" 2>/dev/null
    "$later" req -new -config /dev/null -key "$name.key" -subj "/CN=$name" -out maker.csr
    printf 'keyUsage=digitalSignature\nsubjectKeyIdentifier=hash\n' >maker.ext
    "$later" x509 -req -in maker.csr -CA "${MAKER:-$office/pki/manufacturer}.pem" -CAkey "${MAKER:-$office/pki/manufacturer}.key" -days 9000 \
        -extfile maker.ext -out "$name.pem" 2>/dev/null
}

for command in ir cr; do
    ossl "$command-mac" "${mac[@]}" -cmd "$command" "${new[@]}"
    ossl "$command-mac-implicit" "${mac[@]}" -cmd "$command" "${new[@]}" -implicit_confirm
done
ossl p10cr-mac "${mac[@]}" -cmd p10cr -csr n.csr
ossl p10cr-mac-implicit "${mac[@]}" -cmd p10cr -csr n.csr -implicit_confirm
ossl ir-mac-sha384 "${mac[@]}" -digest sha384 -mac hmacWithSHA384 -cmd ir "${new[@]}"
ossl ir-mac-sha512 "${mac[@]}" -digest sha512 -mac hmacWithSHA512 -cmd ir "${new[@]}" -implicit_confirm
ossl ir-mac-days-sans "${mac[@]}" -cmd ir "${new[@]}" -days 20 -sans 'a.example 192.0.2.7' -implicit_confirm
ossl ir-mac-geninfo "${mac[@]}" -cmd ir "${new[@]}" -geninfo 1.3.6.1.4.1.55555.1:int:5 -implicit_confirm
ossl ir-mac-profile "${mac[@]}" -cmd ir "${new[@]}" -profile default -implicit_confirm

maker rsa -algorithm RSA -pkeyopt rsa_keygen_bits:2048
maker p256 -algorithm EC -pkeyopt ec_paramgen_curve:P-256
maker p384 -algorithm EC -pkeyopt ec_paramgen_curve:P-384
maker p521 -algorithm EC -pkeyopt ec_paramgen_curve:P-521
maker ed25519 -algorithm ED25519
maker pss -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048
maker mldsa44 -algorithm ML-DSA-44
for key in p256 rsa p384 p521 ed25519 pss; do
    for command in ir cr; do
        ossl "$command-$key" -cert "$key.pem" -key "$key.key" -cmd "$command" "${new[@]}"
    done
    ossl "cr-$key-implicit" -cert "$key.pem" -key "$key.key" -cmd cr "${new[@]}" -implicit_confirm
    ossl "p10cr-$key" -cert "$key.pem" -key "$key.key" -cmd p10cr -csr n.csr -implicit_confirm
    ossl "genm-$key" -cert "$key.pem" -key "$key.key" -cmd genm -infotype certReqTemplate -template t.der
    [ "$key" != pss ] || continue
    ossl "ir-for-$key" "${mac[@]}" -cmd ir -newkey "$key.key" -subject "/CN=$key.example" -certout "own-$key.pem" -implicit_confirm
    ossl "kur-$key" -cert "own-$key.pem" -key "$key.key" -cmd kur -newkey "$key.key" -certout "next-$key.pem"
    ossl "kur-$key-implicit" -cert "next-$key.pem" -key "$key.key" -cmd kur -newkey n.key -certout last.pem -implicit_confirm
    ossl "rr-$key" -cert "next-$key.pem" -key "$key.key" -cmd rr -oldcert "next-$key.pem" -revreason 4
done
ossl ir-mldsa44 -cert mldsa44.pem -key mldsa44.key -cmd ir "${new[@]}" -implicit_confirm
for digest in sha384 sha512; do
    ossl "ir-rsa-$digest" -cert rsa.pem -key rsa.key -digest "$digest" -cmd ir "${new[@]}" -implicit_confirm
    ossl "ir-p256-$digest" -cert p256.pem -key p256.key -digest "$digest" -cmd ir "${new[@]}" -implicit_confirm
done
ossl rr-noreason -cert last.pem -key n.key -cmd rr -oldcert last.pem
ossl rr-again -cert last.pem -key n.key -cmd rr -oldcert last.pem

for who in mac device; do
    declare -n words=$who
    ossl "genm-cacerts-$who" "${words[@]}" -cmd genm -infotype caCerts -cacertsout c.pem
    ossl "genm-rootcacert-$who" "${words[@]}" -cmd genm -infotype rootCaCert -oldwithold "$ROOT_CA" -newwithnew w.pem
    ossl "genm-certreqtemplate-$who" "${words[@]}" -cmd genm -infotype certReqTemplate -template t.der
    ossl "genm-crlstatuslist-$who" "${words[@]}" -cmd genm -infotype crlStatusList -crlcert "$OTHER_RA_CERT" -crlout crl.pem
    ossl "genm-crlstatuslist-old-$who" "${words[@]}" -cmd genm -infotype crlStatusList -oldcrl crl.pem -crlout newer.pem
    ossl "genm-currentcrl-$who" "${words[@]}" -cmd genm -infotype currentCRL
    ossl "genm-unknown-$who" "${words[@]}" -cmd genm -infotype signKeyPairTypes
    ossl "genm-empty-$who" "${words[@]}" -cmd genm
    ossl "centralkeygen-$who" "${words[@]}" -cmd ir -centralkeygen -newkeyout k.key -subject /CN=n.example
    ossl "raverified-$who" "${words[@]}" -cmd ir -popo 0 "${new[@]}"
    ossl "keyenc-$who" "${words[@]}" -cmd ir -popo 2 "${new[@]}"
    ossl "title-$who" "${words[@]}" -cmd cr -newkey n.key -subject /CN=n.example/title=chief
    ossl "profile-$who" "${words[@]}" -cmd ir "${new[@]}" -profile nobody
    ossl "kur-other-$who" "${words[@]}" -cmd kur -newkey n.key -oldcert last.pem
    ossl "rr-other-$who" "${words[@]}" -cmd rr -oldcert own-p256.pem
    # Nobody decides; the client gives up.
    PLACE=$door/p/by-hand
    new_key hand && new_csr hand /CN=hand.example
    ossl "poll-ir-$who" "${words[@]}" -total_timeout 20 -msg_timeout 3 -cmd ir -newkey hand.key -subject /CN=hand.example
    PLACE=$door
done

unset -n words

# decided NAME DECISION WORDS...: an officer decides while the client polls.
decided() {
    local name=$1 decision=$2 case=
    shift 2
    ossl "$name" "$@" &
    local pid=$!
    for _ in $(seq 60); do
        sleep 0.5
        case=$("$daftar" case list --config "$CONFIG" | awk '/CN=hand.example/ && /received|checked/ { print $1; exit }')
        [ -z "$case" ] || break
    done
    sleep 1
    # shellcheck disable=SC2086
    "$daftar" case $decision "$case" --as "$OFFICERS/anna.pem" --config "$CONFIG" >/dev/null
    wait "$pid"
}
PLACE=$door/p/by-hand
for command in ir cr p10cr; do
    new_key hand && new_csr hand /CN=hand.example
    words=(-newkey hand.key -subject /CN=hand.example)
    [ "$command" != p10cr ] || words=(-csr hand.csr)
    decided "poll-$command-approved" approve "${device[@]}" -cmd "$command" "${words[@]}" -certout hand.pem
done
new_key hand2
decided poll-kur-approved approve -cert hand.pem -key hand.key -cmd kur -newkey hand2.key
new_key hand
decided poll-ir-refused "refuse --text unplanned" "${device[@]}" -cmd ir -newkey hand.key -subject /CN=hand.example
PLACE=$door

ossl ra-raverified "${other[@]}" -cmd ir -popo 0 "${new[@]}"
ossl ra-cr-raverified "${other[@]}" -cmd cr -popo 0 "${new[@]}" -certout below.pem -implicit_confirm
ossl ra-p10cr "${other[@]}" -cmd p10cr -csr n.csr
ossl ra-rr "${other[@]}" -cmd rr -oldcert below.pem -revreason 5

ossl bad-secret -ref "$CMP_REF" -secret pass:wrong -cmd ir "${new[@]}"
ossl bad-reference -ref nobody -secret "pass:$CMP_SECRET" -cmd ir "${new[@]}"
ossl bad-unprotected -unprotected_requests -cmd ir "${new[@]}"
ossl bad-sha1 "${device[@]}" -digest sha1 -cmd ir "${new[@]}"
ossl bad-revoked -cert next-p256.pem -key p256.key -cmd kur -newkey n.key
ossl bad-updated -cert own-p256.pem -key p256.key -cmd kur -newkey n.key
openssl req -x509 -config /dev/null -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout strange.key -subj /CN=Strange -days 9000 \
    -out strange.pem 2>/dev/null
MAKER=strange maker stranger -algorithm EC -pkeyopt ec_paramgen_curve:P-256
ossl bad-stranger -cert stranger.pem -key stranger.key -cmd ir "${new[@]}"
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out weak.key 2>/dev/null
ossl bad-weak "${mac[@]}" -cmd ir -newkey weak.key -subject /CN=weak.example
PLACE=$door/keyupdate
ossl bad-place "${mac[@]}" -cmd ir "${new[@]}"
PLACE=$door

# Debian's 3.0 where it says things differently.
unset PROGRAM
ossl ir-mac "${mac[@]}" -cmd ir "${new[@]}"
ossl p10cr-p256 -cert p256.pem -key p256.key -cmd p10cr -csr n.csr
ossl cr-rsa -cert rsa.pem -key rsa.key -cmd cr "${new[@]}" -sans n.example
ossl kur-p384 "${device[@]}" -cmd kur -newkey n.key -oldcert own-p384.pem
ossl rr-p384 "${device[@]}" -cmd rr -oldcert own-p384.pem
ossl genm-cacerts "${device[@]}" -cmd genm -infotype caCerts
ossl genm-empty "${device[@]}" -cmd genm
for reason in 0 3 6; do
    ossl "rr-reason$reason" "${other[@]}" -cmd rr -oldcert own-p521.pem -revreason "$reason"
done

# Bouncy Castle.
jars=/usr/share/java/bcpkix.jar:/usr/share/java/bcprov.jar:/usr/share/java/bcutil.jar
javac -cp "$jars" -d . "$here/clients/bouncycastle/"*.java || exit 1
for key in n p256 rsa p521 ed25519; do
    openssl pkey -in "$key.key" -pubout -out "$key.pub"
done
cp "$OTHER_RA_KEY" ra.key && openssl pkey -in ra.key -pubout -out ra.pub
secret=("ref=$CMP_REF" "secret=$CMP_SECRET")
signed=(cert=p256.pem key=p256.key)
through=("ra=$OTHER_RA_CERT" rakey=ra.key)
wanted=(new=n.key subject=CN=n.example)
for command in ir cr p10cr; do
    castle "$command-pbm" "$command" "${secret[@]}" "${wanted[@]}"
    castle "$command-pbmac1" "$command" "${secret[@]}" mac=pbmac1 "${wanted[@]}"
    castle "$command-pbmac1-sha512" "$command" "${secret[@]}" mac=pbmac1 hmac=HMACSHA512 "${wanted[@]}"
    castle "$command-signed" "$command" "${signed[@]}" "${wanted[@]}"
    castle "$command-nested" "$command" "${signed[@]}" "${wanted[@]}" "${through[@]}"
done
castle genm-pbmac1 genm "${secret[@]}" mac=pbmac1 infotype=1.3.6.1.5.5.7.4.17
castle ir-pbm-sha512 ir "${secret[@]}" owf=SHA512 hmac=HMACSHA512 "${wanted[@]}"
castle ir-pbm-sha1 ir "${secret[@]}" owf=SHA1 "${wanted[@]}" implicit
castle ir-pvno3 ir "${secret[@]}" pvno=3 "${wanted[@]}"
castle ir-pvno3-hash256 ir "${signed[@]}" pvno=3 hash=SHA-256 "${wanted[@]}"
castle ir-pvno3-hash512 ir "${secret[@]}" mac=pbmac1 pvno=3 hash=SHA-512 "${wanted[@]}"
castle ir-san ir "${signed[@]}" "${wanted[@]}" san=n.example implicit
castle ir-profile ir "${signed[@]}" "${wanted[@]}" profile=default implicit
castle ir-notime ir "${signed[@]}" "${wanted[@]}" notime implicit
castle ir-for-rsa ir "${secret[@]}" new=rsa.key subject=CN=rsa.example out=castle-rsa.pem implicit
for signature in SHA256withRSAandMGF1 SHA384withRSAandMGF1 SHA512withRSAandMGF1 SHA512withRSA; do
    castle "kur-$signature" kur cert=castle-rsa.pem key=rsa.key new=rsa.key "signature=$signature" out=castle-rsa.pem
done
castle rr-pss rr cert=castle-rsa.pem key=rsa.key old=castle-rsa.pem signature=SHA256withRSAandMGF1
castle ir-p521 ir cert=p521.pem key=p521.key signature=SHA512withECDSA "${wanted[@]}"
castle ir-ed25519 ir cert=ed25519.pem key=ed25519.key "${wanted[@]}"
castle ir-own ir "${signed[@]}" "${wanted[@]}" out=castle.pem
castle kur-nested kur cert=castle.pem key=n.key new=n.key "${through[@]}" out=castle-next.pem
castle rr-nested rr cert=castle-next.pem key=n.key old=castle-next.pem "${through[@]}"
castle genm-nested genm "${signed[@]}" "${through[@]}" infotype=1.3.6.1.5.5.7.4.17
castle cr-nested-twice cr "${signed[@]}" "${wanted[@]}" "${through[@]}" depth=2
castle cr-batch cr "${signed[@]}" "${wanted[@]}" "${through[@]}" batch=2 implicit
castle p10cr-batch p10cr cert=rsa.pem key=rsa.key "${wanted[@]}" "${through[@]}" batch=2 implicit
castle bad-nested-stranger cr "${signed[@]}" "${wanted[@]}" ra=rsa.pem rakey=rsa.key
castle bad-nested-mac cr "${signed[@]}" "${wanted[@]}" "${through[@]}" "outersecret=$CMP_SECRET" "outerref=$CMP_REF"
castle bad-nested-inner-mac cr "${secret[@]}" "${wanted[@]}" "${through[@]}"
castle bad-nested-nonce cr "${signed[@]}" "${wanted[@]}" "${through[@]}" ownnonce
castle bad-nested-id cr "${signed[@]}" "${wanted[@]}" "${through[@]}" ownid
for fault in shortnonce notransaction oldtime two; do
    castle "bad-$fault" ir "${signed[@]}" "${wanted[@]}" "fault=$fault"
done
castle bad-pvno1 ir "${signed[@]}" "${wanted[@]}" pvno=1
castle bad-pvno4 ir "${secret[@]}" "${wanted[@]}" pvno=4
castle bad-iterations ir "${secret[@]}" "${wanted[@]}" iterations=10001
castle bad-iterations-pbmac1 ir "${secret[@]}" mac=pbmac1 "${wanted[@]}" iterations=100001
castle bad-popo ir "${signed[@]}" "${wanted[@]}" popo=other otherkey=rsa.key
castle bad-encrcert ir "${signed[@]}" "${wanted[@]}" popo=encrCert
castle bad-raverified ir "${signed[@]}" "${wanted[@]}" popo=raVerified
for fault in nonce othertransaction hash empty reject; do
    castle "bad-certconf-$fault" ir "${signed[@]}" "${wanted[@]}" "fault=$fault" at=confirm
done
castle bad-certconf-othermac ir "${secret[@]}" "${wanted[@]}" fault=othermac at=confirm
castle bad-certconf-hashalg ir "${signed[@]}" "${wanted[@]}" hash=SHA-512

# Each way of forwarding; what Daftar and its CA said stands in the store.
for profile in nested replace untouched; do
    PLACE=$door/p/$profile
    castle "$profile-cr" cr "${signed[@]}" new=n.key subject=CN=p256 out=own.pem
    castle "$profile-kur" kur cert=own.pem key=n.key new=n.key out=own.pem
    castle "$profile-rr" rr cert=own.pem key=n.key old=own.pem
    castle "$profile-through" cr "${signed[@]}" "${wanted[@]}" "${through[@]}" implicit
done
PLACE=$door
kill -0 "$office_pid" || exit 1
mkdir -p legs
sqlite3 -readonly "$office/data/daftar.sqlite" "SELECT writefile(printf('legs/%06d-%s.der', seq, leg), octets) FROM message WHERE submission_id IS NOT NULL" \
    >/dev/null
keep upstream-daftar daftar "demo CA" "daftar serve, as a client of its CA" legs/*.der
