# EST by each client, where clients differ: the key of the server's certificate, a label or none, the newest version of TLS, and a
# /cacerts of three certificates, which is longer than the first read of some. The server with RSA is an office of its own.

jars=/usr/share/java/bcpkix.jar:/usr/share/java/bcprov.jar:/usr/share/java/bcutil.jar
check "est: Bouncy Castle's program compiles" javac -cp "$jars" -d . "$here/clients/bouncycastle/Pem.java" "$here/clients/bouncycastle/Est.java"

house 20
openssl req -new -config /dev/null -newkey rsa:2048 -nodes -keyout server.key -subj /CN=localhost -out server.csr 2>/dev/null
printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\nkeyUsage=critical,digitalSignature,keyEncipherment\n%s\n' \
    authorityKeyIdentifier=keyid >server.ext
openssl x509 -req -in server.csr -CA "$pki/issuing.pem" -CAkey "$pki/issuing.key" -days 90 -extfile server.ext -out server.pem 2>/dev/null
cat server.pem "$pki/issuing.pem" >"$pki/tls.pem" && cat server.key >"$pki/tls.key"
# The root's next key, certified by the present one.
root_name=$(openssl x509 -in "$pki/root.pem" -noout -subject -nameopt compat | sed 's/^subject=//')
openssl req -new -config /dev/null -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout next.key -subj "$root_name" -out next.csr 2>/dev/null
printf 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n' >next.ext
openssl x509 -req -in next.csr -CA "$pki/root.pem" -CAkey "$pki/root.key" -days 90 -extfile next.ext -out "$pki/links.pem" 2>/dev/null
sed -i 's|^\[authority.demo\]|&\nrollover_certificates = "pki/links.pem"|' "$house/daftar.toml"
open_house authority
house_code
rsa_user=$reference rsa_password=$secret

pair() {
    openssl pkey -in "$1.key" -pubout -out "$1.pub"
}
castle() {
    java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp "$jars:." Est "$@" "url=https://localhost:$port" "roots=$roots" ${label:+"label=$label"}
}
libest() {
    python3 "$here/clients/libest.py" "$place" "$roots" "$@"
}
by_curl() {
    openssl req -in "$2.csr" -outform DER | openssl base64 -A >"$2.b64"
    curl -sS --fail --cacert "$roots" -H 'Content-Type: application/pkcs10' --data-binary "@$2.b64" -o "$2.b7" "${@:3}" "$place/$1" &&
        openssl base64 -d -A -in "$2.b7" | openssl pkcs7 -inform DER -print_certs | sed -n '/^-----BEGIN/,/^-----END/p' >"$2.pem" &&
        certified "$2" "$2.key"
}
opened() {
    openssl pkcs7 -inform DER -in "$1.p7" -print_certs | sed -n '/^-----BEGIN/,/^-----END/p' >"$1.pem" && certified "$1" "$1.key"
}
holds() {
    [ "$(grep -c -- -----BEGIN.CERTIFICATE "$1")" = "$2" ] || { cat "$1"; return 1; }
}
renewed() {
    new_key "$1" && new_csr "$1" /CN=matrix.plant.example && pair "$1"
}

for server in P-256 RSA-2048; do
    if [ "$server" = P-256 ]; then
        port=${EST_URL#https://*:} && port=${port%%/*} roots=$TLS_CA who=$EST_USER password=$EST_PASSWORD chain=2
    else
        port=$((base + 20)) roots=$pki/root.pem who=$rsa_user password=$rsa_password chain=3
        ROOT_CA=$pki/root.pem ISSUING_CHAIN=$pki/issuing.pem
    fi
    for label in "" default; do
        place=https://localhost:$port/.well-known/est${label:+/$label}
        at="$server, ${label:-no label}"
        for newest in 1.2 1.3; do
            renewed curl && check "est: curl enrols, $at, TLS up to $newest" by_curl simpleenroll curl -u "$who:$password" --tls-max "$newest"
            cp curl.pem held.pem && cp curl.key held.key && renewed curl
            check "est: curl renews, $at, TLS up to $newest" by_curl simplereenroll curl --cert held.pem --key held.key --tls-max "$newest"
            renewed castle
            check "est: bouncycastle enrols, $at, TLS up to $newest" eval 'castle enroll "tls=TLSv$newest" "user=$who" "password=$password" new=castle.key \
                subject=CN=matrix.plant.example out=castle.pem && certified castle castle.key'
            cp castle.pem held.pem && cp castle.key held.key && cp castle.pub held.pub && renewed castle
            check "est: bouncycastle renews, $at, TLS up to $newest" eval 'castle reenroll "tls=TLSv$newest" cert=held.pem key=held.key new=castle.key \
                subject=CN=matrix.plant.example out=castle.pem && certified castle castle.key'
        done
        check "est: bouncycastle reads /cacerts, $at" eval 'castle cacerts out=ca.pem && holds ca.pem "$chain"'
        check "est: bouncycastle reads /csrattrs, $at" eval 'castle csrattrs out=attributes.der && openssl asn1parse -inform DER -in attributes.der'
        check "est: libest reads /cacerts, $at" eval 'libest cacerts ca.p7 && openssl pkcs7 -inform DER -in ca.p7 -print_certs >ca.pem && holds ca.pem "$chain"'
        renewed libest
        check "est: libest enrols, $at" eval 'libest simpleenroll libest.p7 "user=$who:$password" new=libest.key subject=matrix.plant.example && opened libest'
        cp libest.pem held.pem && cp libest.key held.key && renewed libest
        check "est: libest renews, $at" eval 'libest simplereenroll libest.p7 cert=held.pem key=held.key new=libest.key subject=matrix.plant.example &&
            opened libest'
        # strongSwan 5.9 knows no labels.
        [ -z "$label" ] || continue
        swan=(--url "https://localhost:$port" --cacert "$roots")
        rm -f ca*.pem
        check "est: strongswan reads /cacerts, $at" eval 'pki --estca "${swan[@]}" --caout ca --outform pem && [ "$(ls ca*.pem | wc -l)" = "$chain" ]'
        renewed swan && openssl req -in swan.csr -outform DER -out swan.der
        check "est: strongswan enrols, $at" eval 'pki --est "${swan[@]}" --in swan.der --userpass "$who:$password" --outform pem >swan.pem && certified swan swan.key'
        cp swan.pem held.pem && cp swan.key held.key && renewed swan && openssl req -in swan.csr -outform DER -out swan.der
        check "est: strongswan renews, $at" eval 'pki --est "${swan[@]}" --in swan.der --cert held.pem --key held.key --outform pem >swan.pem && certified swan swan.key'
    done
done
