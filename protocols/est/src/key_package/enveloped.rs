//! CMS `EnvelopedData` for one recipient (RFC 5652 section 6).

use aws_lc_rs::agreement::{self, ECDH_P256, ECDH_P384, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::cipher::{self, PaddedBlockEncryptingKey, UnboundCipherKey};
use aws_lc_rs::key_wrap::{AES_128, AES_256, AesKek, KeyWrap as _};
use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OAEP_SHA384_MGF1SHA384, OAEP_SHA512_MGF1SHA512, OaepAlgorithm,
    OaepPublicEncryptingKey, Pkcs1PublicEncryptingKey, PublicEncryptingKey,
};
use certs::{KeyKind, ObjectIdentifier, PublicKey};
use cms::content_info::{CmsVersion, ContentInfo};
use cms::enveloped_data::{
    EncryptedContentInfo, EnvelopedData, KekIdentifier, KekRecipientInfo, KeyAgreeRecipientIdentifier,
    KeyAgreeRecipientInfo, KeyTransRecipientInfo, OriginatorIdentifierOrKey, OriginatorPublicKey,
    RecipientEncryptedKey, RecipientIdentifier, RecipientInfo, RecipientInfos, RecipientKeyIdentifier,
};
use der::asn1::{BitString, Null, OctetString};
use der::{Any, Decode as _, Encode as _, Sequence};
use spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::ext::pkix::SubjectKeyIdentifier;
use zeroize::Zeroizing;

use super::{DecryptWith, EncryptionWish, ID_SIGNED_DATA, oid};
use crate::Fault;

/// The key to encrypt with.
#[derive(Debug)]
pub enum EncryptionKey<'a> {
    /// An AES key of 16 or 32 octets.
    Secret(&'a Zeroizing<Vec<u8>>),
    /// RSA, or EC on P-256 or P-384.
    Public(&'a PublicKey),
}

/// A `SignedData` (DER) encrypted as its requester wishes: `EnvelopedData` in a `ContentInfo`, DER. `content_key` is random, and used for
/// nothing else.
///
/// # Errors
/// When the requester can do nothing that the key is good for.
pub fn enveloped(
    signed: &[u8],
    wish: &EncryptionWish,
    key: &EncryptionKey<'_>,
    content_key: &Zeroizing<[u8; 32]>,
) -> Result<Vec<u8>, Fault> {
    let (content_cipher, content_oid, length) = if wish.can(AES_128_CBC) && !wish.can(AES_256_CBC) {
        (&cipher::AES_128, AES_128_CBC, 16)
    } else {
        (&cipher::AES_256, AES_256_CBC, 32)
    };
    let content_key = content_key.get(..length).unwrap_or_default();
    let recipient = match (&wish.with, key) {
        (DecryptWith::Secret(identifier), EncryptionKey::Secret(secret)) => {
            by_secret(identifier, secret, content_key, wish)
        }
        (DecryptWith::KeyPair(identifier), EncryptionKey::Public(public)) => match public.kind() {
            KeyKind::Rsa { .. } => by_transport(identifier, public, content_key, wish),
            KeyKind::P256 | KeyKind::P384 => by_agreement(identifier, public, content_key, wish),
            other => Err(unable(format!("a key of kind {other} encrypts nothing here"))),
        },
        _ => Err(unable("the key is of another kind than its identifier".to_owned())),
    }?;
    // Room for the padding, so that nothing is left behind where it grows.
    let mut content = Vec::with_capacity(signed.len() + 16);
    content.extend_from_slice(signed);
    let cipher = UnboundCipherKey::new(content_cipher, content_key).map_err(|_| broken())?;
    let sealed = PaddedBlockEncryptingKey::cbc_pkcs7(cipher).and_then(|cipher| cipher.encrypt(&mut content));
    let cipher::DecryptionContext::Iv128(vector) = sealed.map_err(|_| broken())? else { return Err(broken()) };
    // RFC 5652 section 6.1: 0 for a ktri by issuer and serial number alone, which is not used here.
    let envelope = EnvelopedData {
        version: CmsVersion::V2,
        originator_info: None,
        recip_infos: RecipientInfos::try_from(vec![recipient]).map_err(unwritten)?,
        encrypted_content: EncryptedContentInfo {
            content_type: ID_SIGNED_DATA,
            content_enc_alg: with_octets(content_oid, vector.as_ref())?,
            encrypted_content: Some(OctetString::new(content).map_err(unwritten)?),
        },
        unprotected_attrs: None,
    };
    let content = Any::encode_from(&envelope).map_err(unwritten)?;
    ContentInfo { content_type: ID_ENVELOPED_DATA, content }.to_der().map_err(unwritten)
}

/// kekri (RFC 7030 section 4.4.2, first case).
fn by_secret(
    identifier: &[u8],
    secret: &[u8],
    content_key: &[u8],
    wish: &EncryptionWish,
) -> Result<RecipientInfo, Fault> {
    let wrap = wrap_for(secret)?;
    if !wish.can(wrap) {
        return Err(unable(format!("the key wants {wrap}, which SMIMECapabilities do not name")));
    }
    Ok(RecipientInfo::Kekri(KekRecipientInfo {
        version: CmsVersion::V4,
        kek_id: KekIdentifier {
            kek_identifier: OctetString::new(identifier).map_err(unwritten)?,
            date: None,
            other: None,
        },
        key_enc_alg: bare(wrap),
        encrypted_key: OctetString::new(wrapped(secret, content_key)?).map_err(unwritten)?,
    }))
}

/// ktri (RFC 7030 section 4.4.2, second case). OAEP before PKCS#1 v1.5 (RFC 8017 section 7.2).
fn by_transport(
    identifier: &[u8],
    public: &PublicKey,
    content_key: &[u8],
    wish: &EncryptionWish,
) -> Result<RecipientInfo, Fault> {
    let key = PublicEncryptingKey::from_der(public.der()).map_err(|_| broken())?;
    let (key_enc_alg, encrypted) = if let Some((oaep, parameters)) = oaep(wish)? {
        let key = OaepPublicEncryptingKey::new(key).map_err(|_| broken())?;
        let mut room = vec![0; key.ciphertext_size()];
        let encrypted = key.encrypt(oaep, content_key, &mut room, None).map_err(|_| broken())?;
        (AlgorithmIdentifierOwned { oid: RSAES_OAEP, parameters: Some(parameters) }, encrypted.to_vec())
    } else if wish.can(RSA_ENCRYPTION) {
        let key = Pkcs1PublicEncryptingKey::new(key).map_err(|_| broken())?;
        let mut room = vec![0; key.ciphertext_size()];
        let encrypted = key.encrypt(content_key, &mut room).map_err(|_| broken())?;
        (with_null(RSA_ENCRYPTION)?, encrypted.to_vec())
    } else {
        return Err(unable(
            "an RSA key wants id-RSAES-OAEP (SHA-1, SHA-2) or rsaEncryption in SMIMECapabilities".to_owned(),
        ));
    };
    Ok(RecipientInfo::Ktri(KeyTransRecipientInfo {
        version: CmsVersion::V2,
        rid: RecipientIdentifier::SubjectKeyIdentifier(key_identifier(identifier)?),
        key_enc_alg,
        enc_key: OctetString::new(encrypted).map_err(unwritten)?,
    }))
}

/// kari (RFC 7030 section 4.4.2, third case; RFC 5753 section 3.1), with a key pair for this message only.
fn by_agreement(
    identifier: &[u8],
    public: &PublicKey,
    content_key: &[u8],
    wish: &EncryptionWish,
) -> Result<RecipientInfo, Fault> {
    let Some((wrap, length)) = wrap_after_agreement(wish)? else {
        return Err(unable(
            "an EC key wants dhSinglePass-stdDH-sha256kdf-scheme with id-aes256-wrap in SMIMECapabilities".to_owned(),
        ));
    };
    let curve = if public.kind() == KeyKind::P384 { &ECDH_P384 } else { &ECDH_P256 };
    let theirs = SubjectPublicKeyInfoOwned::from_der(public.der()).map_err(unwritten)?;
    let ours = PrivateKey::generate(curve).map_err(|_| broken())?;
    let our_public = ours.compute_public_key().map_err(|_| broken())?;
    let shared_info = SharedInfo {
        key_info: bare(wrap),
        supp_pub_info: OctetString::new((length * 8_u32).to_be_bytes()).map_err(unwritten)?,
    };
    let shared_info = shared_info.to_der().map_err(unwritten)?;
    let mut kek = Zeroizing::new(vec![0; usize::try_from(length).unwrap_or_default()]);
    let point = UnparsedPublicKey::new(curve, theirs.subject_public_key.raw_bytes());
    agreement::agree(&ours, point, broken(), |secret| {
        ansi_x963_kdf::derive_key_into::<sha2::Sha256>(secret, &shared_info, &mut kek).map_err(|_| broken())
    })?;
    Ok(RecipientInfo::Kari(KeyAgreeRecipientInfo {
        version: CmsVersion::V3,
        originator: OriginatorIdentifierOrKey::OriginatorKey(OriginatorPublicKey {
            algorithm: theirs.algorithm,
            public_key: BitString::from_bytes(our_public.as_ref()).map_err(unwritten)?,
        }),
        ukm: None,
        key_enc_alg: AlgorithmIdentifierOwned {
            oid: STD_DH_SHA256_KDF,
            parameters: Some(Any::encode_from(&bare(wrap)).map_err(unwritten)?),
        },
        recipient_enc_keys: vec![RecipientEncryptedKey {
            rid: KeyAgreeRecipientIdentifier::RKeyId(RecipientKeyIdentifier {
                subject_key_identifier: key_identifier(identifier)?,
                date: None,
                other: None,
            }),
            enc_key: OctetString::new(wrapped(&kek, content_key)?).map_err(unwritten)?,
        }],
    }))
}

/// What a key that was agreed on wraps with, and its length. RFC 5753 section 6: the parameters of the scheme name it; a requester that
/// leaves them out names it beside the scheme.
fn wrap_after_agreement(wish: &EncryptionWish) -> Result<Option<(ObjectIdentifier, u32)>, Fault> {
    for (wrap, length) in [(AES_256_WRAP, 32), (AES_128_WRAP, 16)] {
        let named = bare(wrap).to_der().map_err(unwritten)?;
        if wish.ways(STD_DH_SHA256_KDF).any(|way| way.map_or_else(|| wish.can(wrap), |way| way == named)) {
            return Ok(Some((wrap, length)));
        }
    }
    Ok(None)
}

/// ```text
/// ECC-CMS-SharedInfo ::= SEQUENCE {
///   keyInfo         AlgorithmIdentifier,
///   entityUInfo [0] EXPLICIT OCTET STRING OPTIONAL,
///   suppPubInfo [2] EXPLICIT OCTET STRING }
/// ```
///
/// RFC 5753 section 7.2.
#[derive(Sequence)]
struct SharedInfo {
    key_info: AlgorithmIdentifierOwned,
    #[asn1(context_specific = "2", tag_mode = "EXPLICIT")]
    supp_pub_info: OctetString,
}

/// RFC 3394, RFC 3565 section 2.3.2.
fn wrapped(kek: &[u8], key: &[u8]) -> Result<Vec<u8>, Fault> {
    let algorithm = if kek.len() == 16 { &AES_128 } else { &AES_256 };
    let mut room = vec![0; key.len() + 8];
    let kek = AesKek::new(algorithm, kek).map_err(|_| broken())?;
    Ok(kek.wrap(key, &mut room).map_err(|_| broken())?.to_vec())
}

fn wrap_for(secret: &[u8]) -> Result<ObjectIdentifier, Fault> {
    match secret.len() {
        16 => Ok(AES_128_WRAP),
        32 => Ok(AES_256_WRAP),
        other => Err(unable(format!("a secret key of {other} octets wraps nothing here"))),
    }
}

fn key_identifier(identifier: &[u8]) -> Result<SubjectKeyIdentifier, Fault> {
    OctetString::new(identifier).map(SubjectKeyIdentifier).map_err(unwritten)
}

const fn bare(oid: ObjectIdentifier) -> AlgorithmIdentifierOwned {
    AlgorithmIdentifierOwned { oid, parameters: None }
}

fn with_null(oid: ObjectIdentifier) -> Result<AlgorithmIdentifierOwned, Fault> {
    Ok(AlgorithmIdentifierOwned { oid, parameters: Some(Any::encode_from(&Null).map_err(unwritten)?) })
}

fn with_octets(oid: ObjectIdentifier, octets: &[u8]) -> Result<AlgorithmIdentifierOwned, Fault> {
    let octets = OctetString::new(octets).map_err(unwritten)?;
    Ok(AlgorithmIdentifierOwned { oid, parameters: Some(Any::encode_from(&octets).map_err(unwritten)?) })
}

/// How a requester can OAEP, with the parameters that say so; none if not at all. One that says nothing about it gets SHA-256.
fn oaep(wish: &EncryptionWish) -> Result<Option<(&'static OaepAlgorithm, Any)>, Fault> {
    for (algorithm, hash) in
        [(&OAEP_SHA256_MGF1SHA256, SHA_256), (&OAEP_SHA384_MGF1SHA384, SHA_384), (&OAEP_SHA512_MGF1SHA512, SHA_512)]
    {
        // RFC 4055 section 2.1: the hash is named with NULL, or without parameters.
        let (written, short) = (oaep_parameters(with_null(hash)?)?, oaep_parameters(bare(hash))?);
        let (long, shorter) = (written.to_der().map_err(unwritten)?, short.to_der().map_err(unwritten)?);
        let named = |way: Option<&[u8]>| way == Some(&long) || way == Some(&shorter);
        if wish.ways(RSAES_OAEP).any(|way| named(way) || (way.is_none() && hash == SHA_256)) {
            return Ok(Some((algorithm, written)));
        }
    }
    // RFC 4055 section 4.1: what is left out is SHA-1, which every application must support; its collisions are of no use here.
    if wish.ways(RSAES_OAEP).any(|way| way == Some(OAEP_DEFAULTS)) {
        return Ok(Some((&OAEP_SHA1_MGF1SHA1, Any::from_der(OAEP_DEFAULTS).map_err(unwritten)?)));
    }
    Ok(None)
}

/// RSAES-OAEP-params with one hash for both, the label empty (RFC 4055 section 4.1).
fn oaep_parameters(hash: AlgorithmIdentifierOwned) -> Result<Any, Fault> {
    let mask = AlgorithmIdentifierOwned { oid: MGF_1, parameters: Some(Any::encode_from(&hash).map_err(unwritten)?) };
    Any::encode_from(&OaepParameters { hash, mask }).map_err(unwritten)
}

#[derive(Sequence)]
struct OaepParameters {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    hash: AlgorithmIdentifierOwned,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT")]
    mask: AlgorithmIdentifierOwned,
}

fn unable(detail: String) -> Fault {
    Fault::Malformed { what: "the wish for encryption", detail }
}

fn unwritten(fault: der::Error) -> Fault {
    Fault::malformed("the EnvelopedData", fault)
}

fn broken() -> Fault {
    Fault::malformed("the EnvelopedData", "the library does not encrypt")
}

const ID_ENVELOPED_DATA: ObjectIdentifier = oid("1.2.840.113549.1.7.3");
const AES_128_CBC: ObjectIdentifier = oid("2.16.840.1.101.3.4.1.2");
const AES_256_CBC: ObjectIdentifier = oid("2.16.840.1.101.3.4.1.42");
const AES_128_WRAP: ObjectIdentifier = oid("2.16.840.1.101.3.4.1.5");
const AES_256_WRAP: ObjectIdentifier = oid("2.16.840.1.101.3.4.1.45");
const RSA_ENCRYPTION: ObjectIdentifier = oid("1.2.840.113549.1.1.1");
const RSAES_OAEP: ObjectIdentifier = oid("1.2.840.113549.1.1.7");
const MGF_1: ObjectIdentifier = oid("1.2.840.113549.1.1.8");
const SHA_256: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.1");
const SHA_384: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.2");
const SHA_512: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.3");
/// An empty SEQUENCE.
const OAEP_DEFAULTS: &[u8] = &[0x30, 0];
const STD_DH_SHA256_KDF: ObjectIdentifier = oid("1.3.132.1.11.1");
