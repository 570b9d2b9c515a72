# EST through haproxy: one that hands TLS on and speaks the PROXY protocol (version 2), and one that ends TLS and tells of its client in
# Client-Cert (RFC 9440). The office behind it is one of its own.

house 40
new_key balancer && new_csr balancer /CN=balancer.plant.example
printf 'extendedKeyUsage=clientAuth\nkeyUsage=critical,digitalSignature\nauthorityKeyIdentifier=keyid\n' >balancer.ext
openssl x509 -req -in balancer.csr -CA "$pki/issuing.pem" -CAkey "$pki/issuing.key" -days 90 -extfile balancer.ext -out balancer.crt 2>/dev/null
cat balancer.crt "$pki/issuing.pem" balancer.key >balancer.pem
cat "$pki/tls.pem" "$pki/tls.key" >front.pem
# Behind haproxy everybody comes by 127.0.0.1; 127.0.0.2 is a client.
sed -i "s|^\[listen\]|&\nbalanced = \"127.0.0.1:$((base + 45))\"\nproxy_from = [\"127.0.0.1\"]|" "$house/daftar.toml"
printf '\n[[balancer]]\nname = "haproxy"\ntrust = "own"\nsubject = "CN=balancer.plant.example"\n' >>"$house/daftar.toml"
cat >haproxy.cfg <<CFG
defaults
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend passes-on
    mode tcp
    bind 127.0.0.1:$((base + 46))
    default_backend passed-on
backend passed-on
    mode tcp
    server ra 127.0.0.1:$((base + 40)) send-proxy-v2
frontend ends-tls
    mode http
    bind 127.0.0.1:$((base + 47)) ssl crt front.pem verify optional ca-file $pki/manufacturer.pem
    http-request del-header client-cert
    http-request del-header client-cert-chain
    http-request set-header Client-Cert :%[ssl_c_der,base64]: if { ssl_c_used }
    default_backend told-of
backend told-of
    mode http
    server ra 127.0.0.1:$((base + 45)) ssl verify required ca-file $pki/root.pem verifyhost localhost sni str(localhost) crt balancer.pem send-proxy-v2
CFG
open_house authority
haproxy -db -f haproxy.cfg >haproxy.log 2>&1 &
children+=($!)
for _ in $(seq 100); do
    curl -s -o proxied --cacert "$pki/root.pem" "https://localhost:$((base + 46))/.well-known/est/cacerts" && break
    sleep 0.1
done
house_code
ROOT_CA=$pki/root.pem ISSUING_CHAIN=$pki/issuing.pem TLS_CA=$pki/root.pem
DEVICE=(--cert "$pki/device.pem" --key "$pki/device.key")

EST_URL=https://localhost:$((base + 46))/.well-known/est
new_key passed && new_csr passed /CN=passed.plant.example
check "haproxy: passed on with the PROXY protocol, a code enrols" enrol passed simpleenroll -u "$reference:$secret" --interface 127.0.0.2
check "haproxy: the log has the client's address" grep -q 'peer=127.0.0.2:' serve.log
check "haproxy: passed on, a device's certificate enrols" enrol passed simpleenroll "${DEVICE[@]}"
check "haproxy: a connection past it that does not begin with PROXY is cut off" says 'SSL_ERROR\|reset\|unexpected\|EOF\|curl' \
    curl -sS --max-time 15 --cacert "$TLS_CA" "https://localhost:$((base + 40))/.well-known/est/cacerts"

EST_URL=https://localhost:$((base + 47))/.well-known/est
new_key told && new_csr told /CN=told.plant.example
check "haproxy: TLS ended, Client-Cert enrols the device" enrol told simpleenroll "${DEVICE[@]}"
check "haproxy: TLS ended, a code enrols" enrol told simpleenroll -u "$reference:$secret"
claimed="Client-Cert: :$(openssl x509 -in "$pki/device.pem" -outform DER | openssl base64 -A):"
check "haproxy: what a client writes there itself is nobody's certificate" says 'status 401' enrol told simpleenroll -H "$claimed"
