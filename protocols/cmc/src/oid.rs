//! Object identifiers of RFC 10002 and of the CMS around it.

use certs::ObjectIdentifier;

/// id-signedData (RFC 5652 section 5.1).
pub const SIGNED_DATA: ObjectIdentifier = oid("1.2.840.113549.1.7.2");
/// id-envelopedData (RFC 5652 section 6.1).
pub const ENVELOPED_DATA: ObjectIdentifier = oid("1.2.840.113549.1.7.3");
/// id-data (RFC 5652 section 4).
pub const DATA: ObjectIdentifier = oid("1.2.840.113549.1.7.1");
/// id-ct-authData (RFC 5652 section 9.1).
pub const AUTHENTICATED_DATA: ObjectIdentifier = oid("1.2.840.113549.1.9.16.1.2");
/// id-ct-authEnvelopedData (RFC 5083 section 2).
pub const AUTH_ENVELOPED_DATA: ObjectIdentifier = oid("1.2.840.113549.1.9.16.1.23");
/// id-contentType (RFC 5652 section 11.1).
pub const CONTENT_TYPE: ObjectIdentifier = oid("1.2.840.113549.1.9.3");
/// id-messageDigest (RFC 5652 section 11.2).
pub const MESSAGE_DIGEST: ObjectIdentifier = oid("1.2.840.113549.1.9.4");
/// rsaEncryption, as some signers name RSASSA-PKCS1-v1_5 (RFC 3370 section 3.2).
pub const RSA_ENCRYPTION: ObjectIdentifier = oid("1.2.840.113549.1.1.1");
/// id-alg-noSignature (RFC 10002 appendix C.2).
pub const NO_SIGNATURE: ObjectIdentifier = oid("1.3.6.1.5.5.7.6.2");
/// HMAC with SHA-256, SHA-384 and SHA-512 (RFC 8018 appendix B.1.2).
pub const HMAC_SHA256: ObjectIdentifier = oid("1.2.840.113549.2.9");
/// See [`HMAC_SHA256`].
pub const HMAC_SHA384: ObjectIdentifier = oid("1.2.840.113549.2.10");
/// See [`HMAC_SHA256`].
pub const HMAC_SHA512: ObjectIdentifier = oid("1.2.840.113549.2.11");
/// id-PBKDF2 (RFC 8018 appendix A.2).
pub const PBKDF2: ObjectIdentifier = oid("1.2.840.113549.1.5.12");

/// id-cct-PKIData.
pub const PKI_DATA: ObjectIdentifier = oid("1.3.6.1.5.5.7.12.2");
/// id-cct-PKIResponse.
pub const PKI_RESPONSE: ObjectIdentifier = oid("1.3.6.1.5.5.7.12.3");

/// id-cmc-statusInfo.
pub const STATUS_INFO: ObjectIdentifier = oid("1.3.6.1.5.5.7.7.1");
/// id-cmc-identification.
pub const IDENTIFICATION: ObjectIdentifier = oid("1.3.6.1.5.5.7.7.2");
/// id-cmc-identityProof.
pub const IDENTITY_PROOF: ObjectIdentifier = oid("1.3.6.1.5.5.7.7.3");
/// id-cmc-dataReturn.
pub const DATA_RETURN: ObjectIdentifier = oid("1.3.6.1.5.5.7.7.4");
/// id-cmc-transactionId.
pub const TRANSACTION_ID: ObjectIdentifier = oid("1.3.6.1.5.5.7.7.5");
/// id-cmc-senderNonce.
pub const SENDER_NONCE: ObjectIdentifier = oid("1.3.6.1.5.5.7.7.6");
/// id-cmc-recipientNonce.
pub const RECIPIENT_NONCE: ObjectIdentifier = oid("1.3.6.1.5.5.7.7.7");
/// id-cmc-addExtensions.
pub const ADD_EXTENSIONS: ObjectIdentifier = oid("1.3.6.1.5.5.7.7.8");
/// id-cmc-encryptedPOP.
pub const ENCRYPTED_POP: ObjectIdentifier = oid("1.3.6.1.5.5.7.7.9");
/// id-cmc-decryptedPOP.
pub const DECRYPTED_POP: ObjectIdentifier = oid("1.3.6.1.5.5.7.7.10");
/// id-cmc-lraPOPWitness.
pub const LRA_POP_WITNESS: ObjectIdentifier = oid("1.3.6.1.5.5.7.7.11");
/// id-cmc-getCert.
pub const GET_CERT: ObjectIdentifier = oid("1.3.6.1.5.5.7.7.15");
/// id-cmc-getCRL.
pub const GET_CRL: ObjectIdentifier = oid("1.3.6.1.5.5.7.7.16");
/// id-cmc-revokeRequest.
pub const REVOKE_REQUEST: ObjectIdentifier = oid("1.3.6.1.5.5.7.7.17");
/// id-cmc-regInfo.
pub const REG_INFO: ObjectIdentifier = oid("1.3.6.1.5.5.7.7.18");
/// id-cmc-responseInfo.
pub const RESPONSE_INFO: ObjectIdentifier = oid("1.3.6.1.5.5.7.7.19");
/// id-cmc-queryPending.
pub const QUERY_PENDING: ObjectIdentifier = oid("1.3.6.1.5.5.7.7.21");
/// id-cmc-popLinkRandom.
pub const POP_LINK_RANDOM: ObjectIdentifier = oid("1.3.6.1.5.5.7.7.22");
/// id-cmc-popLinkWitness.
pub const POP_LINK_WITNESS: ObjectIdentifier = oid("1.3.6.1.5.5.7.7.23");
/// id-cmc-confirmCertAcceptance.
pub const CONFIRM_CERT_ACCEPTANCE: ObjectIdentifier = oid("1.3.6.1.5.5.7.7.24");
/// id-cmc-statusInfoV2.
pub const STATUS_INFO_V2: ObjectIdentifier = oid("1.3.6.1.5.5.7.7.25");
/// id-cmc-trustedAnchors.
pub const TRUSTED_ANCHORS: ObjectIdentifier = oid("1.3.6.1.5.5.7.7.26");
/// id-cmc-authData.
pub const AUTH_DATA: ObjectIdentifier = oid("1.3.6.1.5.5.7.7.27");
/// id-cmc-batchRequests.
pub const BATCH_REQUESTS: ObjectIdentifier = oid("1.3.6.1.5.5.7.7.28");
/// id-cmc-batchResponses.
pub const BATCH_RESPONSES: ObjectIdentifier = oid("1.3.6.1.5.5.7.7.29");
/// id-cmc-publishCert.
pub const PUBLISH_CERT: ObjectIdentifier = oid("1.3.6.1.5.5.7.7.30");
/// id-cmc-modCertTemplate.
pub const MOD_CERT_TEMPLATE: ObjectIdentifier = oid("1.3.6.1.5.5.7.7.31");
/// id-cmc-controlProcessed.
pub const CONTROL_PROCESSED: ObjectIdentifier = oid("1.3.6.1.5.5.7.7.32");
/// id-cmc-popLinkWitnessV2.
pub const POP_LINK_WITNESS_V2: ObjectIdentifier = oid("1.3.6.1.5.5.7.7.33");
/// id-cmc-identityProofV2.
pub const IDENTITY_PROOF_V2: ObjectIdentifier = oid("1.3.6.1.5.5.7.7.34");
/// id-cmc-raIdentityWitness.
pub const RA_IDENTITY_WITNESS: ObjectIdentifier = oid("1.3.6.1.5.5.7.7.35");
/// id-cmc-changeSubjectName (an attribute of a request, no control).
pub const CHANGE_SUBJECT_NAME: ObjectIdentifier = oid("1.3.6.1.5.5.7.7.36");
/// id-cmc-responseBody.
pub const RESPONSE_BODY: ObjectIdentifier = oid("1.3.6.1.5.5.7.7.37");

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}
