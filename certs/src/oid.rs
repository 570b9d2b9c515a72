use const_oid::ObjectIdentifier;

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

/// id-kp-serverAuth (RFC 5280 section 4.2.1.12).
pub const SERVER_AUTH: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.1");
/// id-kp-clientAuth (RFC 5280 section 4.2.1.12).
pub const CLIENT_AUTH: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.2");
/// id-kp-cmcCA (RFC 6402 section 2.10).
pub const CMC_CA: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.27");
/// id-kp-cmcRA (RFC 6402 section 2.10).
pub const CMC_RA: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.28");
/// id-kp-cmKGA (RFC 9480 section 2.2).
pub const CM_KGA: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.32");
/// anyExtendedKeyUsage (RFC 5280 section 4.2.1.12).
pub const ANY_EXTENDED_KEY_USAGE: ObjectIdentifier = oid("2.5.29.37.0");
/// anyPolicy (RFC 5280 section 4.2.1.4).
pub const ANY_POLICY: ObjectIdentifier = oid("2.5.29.32.0");

/// subjectKeyIdentifier.
pub const SUBJECT_KEY_IDENTIFIER: ObjectIdentifier = oid("2.5.29.14");
/// keyUsage.
pub const KEY_USAGE: ObjectIdentifier = oid("2.5.29.15");
/// subjectAltName.
pub const SUBJECT_ALT_NAME: ObjectIdentifier = oid("2.5.29.17");
/// basicConstraints.
pub const BASIC_CONSTRAINTS: ObjectIdentifier = oid("2.5.29.19");
/// cRLNumber.
pub const CRL_NUMBER: ObjectIdentifier = oid("2.5.29.20");
/// reasonCode of a CRL entry.
pub const CRL_REASON: ObjectIdentifier = oid("2.5.29.21");
/// invalidityDate of a CRL entry.
pub const INVALIDITY_DATE: ObjectIdentifier = oid("2.5.29.24");
/// deltaCRLIndicator.
pub const DELTA_CRL_INDICATOR: ObjectIdentifier = oid("2.5.29.27");
/// issuingDistributionPoint of a CRL.
pub const ISSUING_DISTRIBUTION_POINT: ObjectIdentifier = oid("2.5.29.28");
/// nameConstraints.
pub const NAME_CONSTRAINTS: ObjectIdentifier = oid("2.5.29.30");
/// cRLDistributionPoints.
pub const CRL_DISTRIBUTION_POINTS: ObjectIdentifier = oid("2.5.29.31");
/// certificatePolicies.
pub const CERTIFICATE_POLICIES: ObjectIdentifier = oid("2.5.29.32");
/// policyMappings.
pub const POLICY_MAPPINGS: ObjectIdentifier = oid("2.5.29.33");
/// authorityKeyIdentifier.
pub const AUTHORITY_KEY_IDENTIFIER: ObjectIdentifier = oid("2.5.29.35");
/// policyConstraints.
pub const POLICY_CONSTRAINTS: ObjectIdentifier = oid("2.5.29.36");
/// extKeyUsage.
pub const EXTENDED_KEY_USAGE: ObjectIdentifier = oid("2.5.29.37");
/// inhibitAnyPolicy.
pub const INHIBIT_ANY_POLICY: ObjectIdentifier = oid("2.5.29.54");

/// challengePassword (RFC 2985 section 5.4.1).
pub const CHALLENGE_PASSWORD: ObjectIdentifier = oid("1.2.840.113549.1.9.7");
/// extensionRequest (RFC 2985 section 5.4.2).
pub const EXTENSION_REQUEST: ObjectIdentifier = oid("1.2.840.113549.1.9.14");

/// commonName.
pub const COMMON_NAME: ObjectIdentifier = oid("2.5.4.3");
/// serialNumber (of a device, not of a certificate).
pub const SERIAL_NUMBER: ObjectIdentifier = oid("2.5.4.5");
/// countryName.
pub const COUNTRY: ObjectIdentifier = oid("2.5.4.6");
/// organizationName.
pub const ORGANIZATION: ObjectIdentifier = oid("2.5.4.10");
/// organizationalUnitName.
pub const ORGANIZATIONAL_UNIT: ObjectIdentifier = oid("2.5.4.11");
/// emailAddress (PKCS#9).
pub const EMAIL_ADDRESS: ObjectIdentifier = oid("1.2.840.113549.1.9.1");
