# EST as libest speaks it (libest.py), which no package brings and which builds against OpenSSL 1 only.

libest() {
    python3 "$here/clients/libest.py" "$EST_URL" "$TLS_CA" "$@"
}

# given NAME NEW: the answer in NAME.p7 is one certificate for NEW.key.
given() {
    openssl pkcs7 -inform DER -in "$1.p7" -print_certs | sed -n '/^-----BEGIN/,/^-----END/p' >"$1.pem" && certified "$1" "$2.key"
}

refuses() {
    local said
    said=$(libest "$@" 2>&1) && { echo "it was served"; return 1; }
    echo "$said"
    grep -q "$wanted" <<<"$said"
}

check "libest: /cacerts" libest cacerts ca.p7
check "libest: /cacerts holds a chain that openssl reads" eval 'openssl pkcs7 -inform DER -in ca.p7 -print_certs | grep -c BEGIN | grep -qx 2'
check "libest: /csrattrs" libest csrattrs attributes.der
check "libest: /csrattrs is ASN.1" openssl asn1parse -inform DER -in attributes.der
new_key one
check "libest: /simpleenroll after a 401, with tls-unique" eval 'libest simpleenroll one.p7 "user=$EST_USER:$EST_PASSWORD" new=one.key subject=one.plant.example &&
    given one one'
check "libest: /simplereenroll with the same key" eval 'libest simplereenroll two.p7 cert=one.pem key=one.key new=one.key subject=one.plant.example &&
    given two one'
new_key three
check "libest: /simplereenroll with a new key" eval 'libest simplereenroll three.p7 cert=two.pem key=one.key new=three.key subject=one.plant.example &&
    given three three'
wanted="status 401" check "libest: a wrong password" refuses simpleenroll none.p7 "user=$EST_USER:wrong" new=one.key subject=one.plant.example
wanted="status 401" check "libest: nobody" refuses simpleenroll none.p7 new=one.key subject=nobody.plant.example
