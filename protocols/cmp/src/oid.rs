//! Object identifiers of the protocol.

use der::asn1::ObjectIdentifier;

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

/// id-it-caProtEncCert (RFC 9810 section 5.3.19.1)
pub const CA_PROT_ENC_CERT: ObjectIdentifier = oid("1.3.6.1.5.5.7.4.1");
/// id-it-signKeyPairTypes
pub const SIGN_KEY_PAIR_TYPES: ObjectIdentifier = oid("1.3.6.1.5.5.7.4.2");
/// id-it-encKeyPairTypes
pub const ENC_KEY_PAIR_TYPES: ObjectIdentifier = oid("1.3.6.1.5.5.7.4.3");
/// id-it-preferredSymmAlg
pub const PREFERRED_SYMM_ALG: ObjectIdentifier = oid("1.3.6.1.5.5.7.4.4");
/// id-it-currentCRL
pub const CURRENT_CRL: ObjectIdentifier = oid("1.3.6.1.5.5.7.4.6");
/// unsupportedOIDs (RFC 9810 section 5.3.19.7).
pub const UNSUPPORTED_OIDS: ObjectIdentifier = oid("1.3.6.1.5.5.7.4.7");
/// id-it-implicitConfirm (RFC 9810 section 5.1.1.1)
pub const IMPLICIT_CONFIRM: ObjectIdentifier = oid("1.3.6.1.5.5.7.4.13");
/// id-it-confirmWaitTime (RFC 9810 section 5.1.1.2)
pub const CONFIRM_WAIT_TIME: ObjectIdentifier = oid("1.3.6.1.5.5.7.4.14");
/// id-it-origPKIMessage (RFC 9810 section 5.1.1.3)
pub const ORIG_PKI_MESSAGE: ObjectIdentifier = oid("1.3.6.1.5.5.7.4.15");
/// id-it-caCerts (RFC 9810 section 5.3.19.14)
pub const CA_CERTS: ObjectIdentifier = oid("1.3.6.1.5.5.7.4.17");
/// id-it-rootCaKeyUpdate
pub const ROOT_CA_KEY_UPDATE: ObjectIdentifier = oid("1.3.6.1.5.5.7.4.18");
/// id-it-certReqTemplate
pub const CERT_REQ_TEMPLATE: ObjectIdentifier = oid("1.3.6.1.5.5.7.4.19");
/// id-it-rootCaCert
pub const ROOT_CA_CERT: ObjectIdentifier = oid("1.3.6.1.5.5.7.4.20");
/// id-it-certProfile (RFC 9810 section 5.1.1.4)
pub const CERT_PROFILE: ObjectIdentifier = oid("1.3.6.1.5.5.7.4.21");
/// id-it-crlStatusList
pub const CRL_STATUS_LIST: ObjectIdentifier = oid("1.3.6.1.5.5.7.4.22");
/// id-it-crls
pub const CRLS: ObjectIdentifier = oid("1.3.6.1.5.5.7.4.23");
/// id-it-KemCiphertextInfo (RFC 9810 section 5.3.19.18)
pub const KEM_CIPHERTEXT_INFO: ObjectIdentifier = oid("1.3.6.1.5.5.7.4.24");

/// id-regCtrl-pkiArchiveOptions (RFC 4211 section 6.4)
pub const PKI_ARCHIVE_OPTIONS: ObjectIdentifier = oid("1.3.6.1.5.5.7.5.1.4");
/// id-regCtrl-oldCertID (RFC 4211 section 6.5)
pub const OLD_CERT_ID: ObjectIdentifier = oid("1.3.6.1.5.5.7.5.1.5");
/// id-regCtrl-algId (RFC 9810 section 5.3.19.16)
pub const ALG_ID: ObjectIdentifier = oid("1.3.6.1.5.5.7.5.1.11");
/// id-regCtrl-rsaKeyLen
pub const RSA_KEY_LEN: ObjectIdentifier = oid("1.3.6.1.5.5.7.5.1.12");

/// id-PasswordBasedMac (RFC 9481 section 6.1.1)
pub const PASSWORD_BASED_MAC: ObjectIdentifier = oid("1.2.840.113533.7.66.13");
/// id-KemBasedMac (RFC 9810 section 5.1.3.4)
pub const KEM_BASED_MAC: ObjectIdentifier = oid("1.2.840.113533.7.66.16");
/// id-DHBasedMac (RFC 9810 section 5.1.3.2)
pub const DH_BASED_MAC: ObjectIdentifier = oid("1.2.840.113533.7.66.30");
/// id-PBMAC1 (RFC 8018 appendix A.5)
pub const PBMAC1: ObjectIdentifier = oid("1.2.840.113549.1.5.14");
/// id-PBKDF2 (RFC 8018 appendix A.2)
pub const PBKDF2: ObjectIdentifier = oid("1.2.840.113549.1.5.12");

/// id-hmac-sha1 of RFC 4210
pub const HMAC_SHA1_PKIX: ObjectIdentifier = oid("1.3.6.1.5.5.8.1.2");
/// id-hmacWithSHA1
pub const HMAC_SHA1: ObjectIdentifier = oid("1.2.840.113549.2.7");
/// id-hmacWithSHA224
pub const HMAC_SHA224: ObjectIdentifier = oid("1.2.840.113549.2.8");
/// id-hmacWithSHA256
pub const HMAC_SHA256: ObjectIdentifier = oid("1.2.840.113549.2.9");
/// id-hmacWithSHA384
pub const HMAC_SHA384: ObjectIdentifier = oid("1.2.840.113549.2.10");
/// id-hmacWithSHA512
pub const HMAC_SHA512: ObjectIdentifier = oid("1.2.840.113549.2.11");

/// id-sha1
pub const SHA1: ObjectIdentifier = oid("1.3.14.3.2.26");
/// id-sha224
pub const SHA224: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.4");
/// id-sha256
pub const SHA256: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.1");
/// id-sha384
pub const SHA384: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.2");
/// id-sha512
pub const SHA512: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.3");
