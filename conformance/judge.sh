# How a check is run and counted. Sourced by `run`.

# check WHAT COMMAND...: the command must succeed.
check() {
    local what=$1
    shift
    if "$@" >check.log 2>&1; then
        echo "PASS $what"
    else
        echo "FAIL $what"
        sed 's/^/     | /' check.log | tail -n 8
    fi
}

# says TEXT COMMAND...: the command must fail, and TEXT must be in what it says.
says() {
    local text=$1
    shift
    local said
    if said=$("$@" 2>&1); then
        echo "$said"
        echo "it succeeded"
        return 1
    fi
    echo "$said"
    grep -q -- "$text" <<<"$said"
}

# wait_for FILE: waits until a file is there.
wait_for() {
    for _ in $(seq 300); do
        [ ! -e "$1" ] || return 0
        sleep 0.1
    done
    return 1
}

# new_key NAME [OPENSSL GENPKEY WORDS]: NAME.key, on P-256 unless something else is said.
new_key() {
    local name=$1
    shift
    [ $# -gt 0 ] || set -- -algorithm EC -pkeyopt ec_paramgen_curve:P-256
    openssl genpkey "$@" -out "$name.key" 2>/dev/null
}

# new_csr NAME SUBJECT [OPENSSL REQ WORDS]: NAME.csr (PEM) for NAME.key.
new_csr() {
    local name=$1 subject=$2
    shift 2
    openssl req -new -config /dev/null -key "$name.key" -subj "$subject" "$@" -out "$name.csr"
}

# certified NAME KEY: NAME.pem holds exactly one certificate, for that key, that OpenSSL accepts below the demo's root.
certified() {
    [ "$(grep -c -- -----BEGIN.CERTIFICATE "$1.pem")" = 1 ] || { echo "not exactly one certificate"; return 1; }
    openssl verify -x509_strict -no-CAfile -no-CApath -CAfile "$ROOT_CA" -untrusted "$ISSUING_CHAIN" "$1.pem" || return 1
    [ "$(openssl x509 -in "$1.pem" -noout -pubkey)" = "$(openssl pkey -in "$2" -pubout)" ] || { echo "another key"; return 1; }
}

# not_there FILE: nothing was handed over.
not_there() {
    [ ! -s "$1" ]
}
