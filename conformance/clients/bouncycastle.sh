# CMP by Bouncy Castle (RFC 9483; Debian: libbcpkix-java 1.72), whose program stands in bouncycastle/Client.java: PBMAC1, nested
# messages and batches of a registration authority, and what goes wrong.

jars=/usr/share/java/bcpkix.jar:/usr/share/java/bcprov.jar:/usr/share/java/bcutil.jar
check "bouncycastle: its program compiles" javac -cp "$jars" -d . "$here/clients/bouncycastle/"*.java

# castle COMMAND NAME=VALUE...: one transaction. PLACE is a path below the server's own.
castle() {
    java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp "$jars:." Client "$@" url="$CMP_URL${place:+/$place}" trusted="$ROOT_CA"
}

# castled COMMAND...: it must bring a certificate for the new key.
castled() {
    rm -f got.pem
    castle "$@" out=got.pem && certified got new.key
}

# pair NAME: NAME.pub beside NAME.key.
pair() {
    openssl pkey -in "$1.key" -pubout -out "$1.pub"
}

cp "$DEVICE_KEY" device.key && pair device
cp "$OTHER_RA_KEY" ra.key && pair ra
new_key new && pair new
new_key other && pair other
secret=("ref=$CMP_REF" "secret=$CMP_SECRET")
signed=("cert=$DEVICE_CERT" key=device.key)
through=("ra=$OTHER_RA_CERT" rakey=ra.key)
wanted=(new=new.key subject=CN=castle.plant.example)

check "bouncycastle: ir, PasswordBasedMac" castled ir "${secret[@]}" "${wanted[@]}" san=castle.plant.example
check "bouncycastle: ir, PasswordBasedMac with SHA-512 and HMAC-SHA512" castled ir "${secret[@]}" "${wanted[@]}" owf=SHA512 hmac=HMACSHA512
check "bouncycastle: ir, PBMAC1" castled ir "${secret[@]}" mac=pbmac1 "${wanted[@]}"
check "bouncycastle: ir, PBMAC1 with HMAC-SHA512" castled ir "${secret[@]}" mac=pbmac1 hmac=HMACSHA512 "${wanted[@]}"
check "bouncycastle: cr, PBMAC1, implicitConfirm" castled cr "${secret[@]}" mac=pbmac1 "${wanted[@]}" implicit
check "bouncycastle: p10cr, PBMAC1" castled p10cr "${secret[@]}" mac=pbmac1 "${wanted[@]}"
check "bouncycastle: ir, pvno 3" castled ir "${secret[@]}" pvno=3 "${wanted[@]}"
for hash in SHA-384 SHA-512; do
    check "bouncycastle: certConf with hashAlg $hash, pvno 3" castled ir "${signed[@]}" pvno=3 "hash=$hash" "${wanted[@]}"
done
check "bouncycastle: certConf with hashAlg and pvno 2 is badRequest" says badRequest castle ir "${signed[@]}" hash=SHA-512 "${wanted[@]}"
check "bouncycastle: cr, signature" castled cr "${signed[@]}" "${wanted[@]}"
check "bouncycastle: p10cr, signature" castled p10cr "${signed[@]}" "${wanted[@]}"
check "bouncycastle: certProfile in the header" castled cr "${signed[@]}" "${wanted[@]}" profile=default
check "bouncycastle: another certProfile is badRequest" says badRequest castle cr "${signed[@]}" "${wanted[@]}" profile=nobody
check "bouncycastle: the same bytes get the same answer" castled cr "${signed[@]}" "${wanted[@]}" repeat
check "bouncycastle: no messageTime" castled cr "${signed[@]}" "${wanted[@]}" notime

new_key rsa -algorithm RSA -pkeyopt rsa_keygen_bits:2048 && pair rsa
check "bouncycastle: a certificate for an RSA key" castle ir "${secret[@]}" new=rsa.key subject=CN=rsa.plant.example out=rsa.pem
for signature in SHA256withRSAandMGF1 SHA384withRSAandMGF1 SHA512withRSAandMGF1; do
    check "bouncycastle: kur signed by $signature" castle kur cert=rsa.pem key=rsa.key new=rsa.key "signature=$signature" out=rsa.pem
done
check "bouncycastle: a signature with SHA-1 is badAlg" says badAlg castle kur cert=rsa.pem key=rsa.key new=new.key signature=SHA1withRSA unprotected
check "bouncycastle: a certificate to be updated" castled ir "${signed[@]}" "${wanted[@]}"
cp got.pem own.pem
check "bouncycastle: kur" castled kur cert=own.pem key=new.key new=new.key
check "bouncycastle: rr" castle rr cert=got.pem key=new.key old=got.pem reason=4
check "bouncycastle: rr of a revoked certificate is certRevoked" says certRevoked castle rr cert=got.pem key=new.key old=got.pem reason=4

for profile in default nested replace untouched; do
    at=
    [ "$profile" = default ] || at=p/$profile
    place=$at check "bouncycastle: cr that a trusted RA wrapped, profile $profile" castled cr "${signed[@]}" "${wanted[@]}" "${through[@]}"
done
check "bouncycastle: another certificate to be updated" castled ir "${signed[@]}" "${wanted[@]}"
cp got.pem own.pem
check "bouncycastle: kur that a trusted RA wrapped" castled kur cert=own.pem key=new.key new=new.key "${through[@]}"
check "bouncycastle: cr that was wrapped twice" castled cr "${signed[@]}" "${wanted[@]}" "${through[@]}" depth=2
# The answers of a batch are all kept; each is for the same key.
castled_batch() {
    rm -f batch.pem
    castle cr "${signed[@]}" "${wanted[@]}" "${through[@]}" batch=3 implicit out=batch.pem &&
        [ "$(grep -c -- -----BEGIN.CERTIFICATE batch.pem)" = 3 ] && sed '/-----END/q' batch.pem >one.pem && certified one new.key
}
check "bouncycastle: a batch of three is answered by a batch" castled_batch
check "bouncycastle: p10cr that a trusted RA wrapped" castled p10cr "${signed[@]}" "${wanted[@]}" "${through[@]}"

check "bouncycastle: nested by no registration authority is notAuthorized" says notAuthorized castle cr "${signed[@]}" "${wanted[@]}" \
    "ra=$DEVICE_CERT" rakey=device.key
check "bouncycastle: nested under a shared secret is wrongIntegrity" says wrongIntegrity castle cr "${signed[@]}" "${wanted[@]}" "${through[@]}" \
    "outersecret=$CMP_SECRET" "outerref=$CMP_REF" unprotected
check "bouncycastle: a MAC within a nested message is wrongIntegrity" says wrongIntegrity castle cr "${secret[@]}" "${wanted[@]}" "${through[@]}"
check "bouncycastle: nested with a nonce of its own is badSenderNonce" says badSenderNonce castle cr "${signed[@]}" "${wanted[@]}" "${through[@]}" ownnonce
check "bouncycastle: a wrong signature within a nested message is badMessageCheck" says badMessageCheck castle cr "${signed[@]}" "${wanted[@]}" \
    "${through[@]}" fault=protection

# fault NAME FAILURE WORDS...: a first message with this fault; the answer may have no protection.
fault() {
    local name=$1 failure=$2
    shift 2
    says "rejection $failure" castle ir "$@" "${wanted[@]}" "fault=$name" unprotected
}
check "bouncycastle: a wrong MAC is badMessageCheck" fault protection badMessageCheck "${secret[@]}"
check "bouncycastle: a wrong PBMAC1 is badMessageCheck" fault protection badMessageCheck "${secret[@]}" mac=pbmac1
check "bouncycastle: a wrong signature is badMessageCheck" fault protection badMessageCheck "${signed[@]}"
check "bouncycastle: a signature by another key is badMessageCheck" fault otherkey badMessageCheck "${signed[@]}" otherkey=other.key
check "bouncycastle: a short senderNonce is badSenderNonce" fault shortnonce badSenderNonce "${secret[@]}"
check "bouncycastle: no transactionID is badDataFormat" fault notransaction badDataFormat "${secret[@]}"
check "bouncycastle: a messageTime an hour ago is badTime" fault oldtime badTime "${signed[@]}"
check "bouncycastle: two requests are badRequest" fault two badRequest "${signed[@]}"
check "bouncycastle: too many iterations of PasswordBasedMac are badAlg" fault none badAlg "${secret[@]}" iterations=10001
check "bouncycastle: too many iterations of PBMAC1 are badAlg" fault none badAlg "${secret[@]}" mac=pbmac1 iterations=100001
check "bouncycastle: pvno 1 is unsupportedVersion" fault none unsupportedVersion "${secret[@]}" pvno=1
check "bouncycastle: pvno 4 is unsupportedVersion" fault none unsupportedVersion "${secret[@]}" pvno=4
check "bouncycastle: a proof by another key is badPOP" fault none badPOP "${signed[@]}" popo=other otherkey=other.key
check "bouncycastle: raVerified from an end entity is notAuthorized" fault none notAuthorized "${signed[@]}" popo=raVerified
check "bouncycastle: kur, MAC, is wrongIntegrity" says wrongIntegrity castle kur "${secret[@]}" new=new.key old=own.pem

# late NAME FAILURE WORDS...: a certConf with this fault.
late() {
    local name=$1 failure=$2
    shift 2
    says "rejection $failure" castle ir "$@" "${wanted[@]}" "fault=$name" at=confirm unprotected
}
check "bouncycastle: certConf with a wrong recipNonce is badRecipientNonce" late nonce badRecipientNonce "${signed[@]}"
check "bouncycastle: certConf of no transaction is badRequest" late othertransaction badRequest "${signed[@]}"
check "bouncycastle: certConf with a wrong certHash is badCertId" late hash badCertId "${signed[@]}"
check "bouncycastle: certConf with a wrong signature is badMessageCheck" late protection badMessageCheck "${signed[@]}"
check "bouncycastle: certConf under the other kind of MAC is badMessageCheck" late othermac badMessageCheck "${secret[@]}"
check "bouncycastle: an empty certConf rejects and is confirmed" castle ir "${signed[@]}" "${wanted[@]}" fault=empty at=confirm
check "bouncycastle: certConf with status rejection is confirmed" castle ir "${signed[@]}" "${wanted[@]}" fault=reject at=confirm
