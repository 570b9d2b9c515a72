mod draft;
mod part;
mod registry;
mod rollover;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use certs::path::Anchors;
use certs::{AltName, Certificate, KeyUsage, Millis, Name, ObjectIdentifier, PublicKey, Signer as _};

use self::draft::Plan;
pub(crate) use self::draft::serial_number;
pub(crate) use self::part::read_certificates;
pub use self::part::{Identity, Part};
pub(crate) use self::registry::Registry;
pub(crate) use self::rollover::Rollover;
use crate::files;
use crate::signer::{KeyChoice, SoftwareSigner};
use crate::{Fault, Random};

/// The organisation that every demo certificate names.
pub const DEMO_ORGANIZATION: &str = "DEMO NOT FOR PRODUCTION";

/// The policy of demo certificates. It stands in the arc 2.25, where nobody has to be asked; an arc made from a whole
/// UUID would not fit the 32 bits that our OID library gives an arc, so the number is a random one of 32 bits.
pub const DEMO_POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.25.2894403871.1");

/// notAfter of a certificate that never ends: 99991231235959Z (RFC 5280 section 4.1.2.5).
pub const NO_END: Millis = Millis::from_seconds(253_402_300_799);

/// A demo office's certificates and keys, all in files of `DIR/pki`.
#[derive(Debug)]
pub struct Pki {
    folder: PathBuf,
    /// The trust anchor.
    pub root: Identity,
    /// The intermediate authority, which issues to everybody.
    pub issuing: Identity,
    /// Signs the demo CA's CMP messages.
    pub cmp_signer: Identity,
    /// A maker of devices, outside the root.
    pub manufacturer: Identity,
    /// A device with the manufacturer's certificate.
    pub device: Identity,
    /// The RA's TLS server certificate.
    pub tls_server: Identity,
    /// Another registration authority with its key in a file.
    pub second_ra: Identity,
}

impl Pki {
    /// Makes everything anew and writes it to `DIR/pki`, keys readable by their owner only. `DIR/ca` is left alone:
    /// who makes a new authority removes the records of the old one.
    ///
    /// # Errors
    /// When a file cannot be written or a key cannot be made.
    pub async fn create(dir: &Path, now: Millis, random: &Random) -> Result<Self, Fault> {
        let folder = folder(dir);
        files::make_folder(&folder)?;
        let from = Millis::from_seconds(now.seconds());

        let root_key = SoftwareSigner::generate(KeyChoice::P384)?;
        let root = Plan::authority(ROOT, root_key.public_key(), None)?
            .valid(from, years(from, 20))
            .signed_by_itself(&root_key, random)
            .await?;
        let root = Identity::new(root, root_key);

        let issuing_key = SoftwareSigner::generate(KeyChoice::P256)?;
        let issuing = Plan::authority("Demo Issuing CA", issuing_key.public_key(), Some(0))?
            .valid(from, years(from, 10))
            .signed_by(&root, random)
            .await?;
        let issuing = Identity::new(issuing, issuing_key);

        let manufacturer_key = SoftwareSigner::generate(KeyChoice::P256)?;
        let manufacturer = Plan::authority("Demo Manufacturer CA", manufacturer_key.public_key(), Some(0))?
            .valid(from, NO_END)
            .signed_by_itself(&manufacturer_key, random)
            .await?;
        let manufacturer = Identity::new(manufacturer, manufacturer_key);

        let cmp_signer = issue(&issuing, Plan::cmp_signer, from, random).await?;
        let tls_server = issue(&issuing, Plan::tls_server, from, random).await?;
        let second_ra =
            issue(&issuing, |key| Plan::registration_authority("Demo Second RA", key), from, random).await?;
        let device = issue_device(&manufacturer, "DEVICE-0001", from, random).await?;

        let pki = Self { folder, root, issuing, cmp_signer, manufacturer, device, tls_server, second_ra };
        pki.write()?;
        Ok(pki)
    }

    /// Reads what [`Pki::create`] wrote.
    ///
    /// # Errors
    /// When a file is missing or does not hold what it should.
    pub fn load(dir: &Path) -> Result<Self, Fault> {
        let folder = folder(dir);
        let load = |part: Part| Identity::load(&folder, part);
        Ok(Self {
            root: load(Part::Root)?,
            issuing: load(Part::Issuing)?,
            cmp_signer: load(Part::CmpSigner)?,
            manufacturer: load(Part::Manufacturer)?,
            device: load(Part::Device)?,
            tls_server: load(Part::TlsServer)?,
            second_ra: load(Part::SecondRa)?,
            folder,
        })
    }

    /// `DIR/pki`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The root as an anchor.
    #[must_use]
    pub fn anchors(&self) -> Anchors {
        Anchors::new(vec![self.root.certificate.clone()])
    }

    /// Certifies the key of the registration authority, which lies in its token, and writes the certificate to `ra.pem`.
    ///
    /// # Errors
    /// When the certificate cannot be signed or written.
    pub async fn issue_ra(
        &self,
        common_name: &str,
        key: &PublicKey,
        now: Millis,
        random: &Random,
    ) -> Result<Certificate, Fault> {
        let certificate = self.sign(Plan::registration_authority(common_name, key)?, now, random).await?;
        part::write_certificates(&Part::Ra.certificate_file(&self.folder), std::slice::from_ref(&certificate))?;
        Ok(certificate)
    }

    /// Certifies a TLS server of this machine: localhost, 127.0.0.1 and `::1`.
    ///
    /// # Errors
    /// When the certificate cannot be signed.
    pub async fn issue_tls_server(&self, key: &PublicKey, now: Millis, random: &Random) -> Result<Certificate, Fault> {
        self.sign(Plan::tls_server(key)?, now, random).await
    }

    /// Certifies an end entity as it is, for tests: the subject, the key usage digitalSignature and these purposes.
    ///
    /// # Errors
    /// When the certificate cannot be signed.
    pub async fn issue_end_entity(
        &self,
        subject: &Name,
        key: &PublicKey,
        purposes: &[ObjectIdentifier],
        now: Millis,
        random: &Random,
    ) -> Result<Certificate, Fault> {
        self.sign(Plan::end_entity(subject.clone(), key, KeyUsage::DIGITAL_SIGNATURE, purposes), now, random).await
    }

    /// Makes another device with a key and an `IDevID` of the manufacturer that never ends.
    ///
    /// # Errors
    /// When the key cannot be made or the certificate cannot be signed.
    pub async fn issue_device(&self, serial_number: &str, now: Millis, random: &Random) -> Result<Identity, Fault> {
        issue_device(&self.manufacturer, serial_number, now, random).await
    }

    async fn sign(&self, plan: Plan, now: Millis, random: &Random) -> Result<Certificate, Fault> {
        let from = Millis::from_seconds(now.seconds());
        plan.valid(from, years(from, 2)).signed_by(&self.issuing, random).await
    }

    fn write(&self) -> Result<(), Fault> {
        for (part, identity) in [
            (Part::Root, &self.root),
            (Part::Issuing, &self.issuing),
            (Part::CmpSigner, &self.cmp_signer),
            (Part::Manufacturer, &self.manufacturer),
            (Part::Device, &self.device),
            (Part::SecondRa, &self.second_ra),
        ] {
            identity.save(&self.folder, part, &[])?;
        }
        // A TLS server sends its chain without the root (RFC 8446 section 4.4.2).
        self.tls_server.save(&self.folder, Part::TlsServer, std::slice::from_ref(&self.issuing.certificate))
    }
}

/// Where the files of a demo's certificates and keys are.
#[must_use]
pub fn folder(dir: &Path) -> PathBuf {
    dir.join("pki")
}

async fn issue(
    issuer: &Identity,
    plan: impl FnOnce(&PublicKey) -> Result<Plan, Fault>,
    from: Millis,
    random: &Random,
) -> Result<Identity, Fault> {
    let key = SoftwareSigner::generate(KeyChoice::P256)?;
    let certificate = plan(key.public_key())?.valid(from, years(from, 2)).signed_by(issuer, random).await?;
    Ok(Identity::new(certificate, key))
}

async fn issue_device(
    manufacturer: &Identity,
    serial_number: &str,
    from: Millis,
    random: &Random,
) -> Result<Identity, Fault> {
    let key = SoftwareSigner::generate(KeyChoice::P256)?;
    let plan = Plan::device(serial_number, key.public_key())?;
    let certificate = plan.valid(Millis::from_seconds(from.seconds()), NO_END).signed_by(manufacturer, random).await?;
    Ok(Identity::new(certificate, key))
}

fn years(from: Millis, years: i64) -> Millis {
    from.plus(years * YEAR)
}

/// The names by which a server on this machine is reached.
fn this_machine() -> Vec<AltName> {
    vec![
        AltName::Dns("localhost".to_owned()),
        AltName::Ip(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        AltName::Ip(IpAddr::V6(Ipv6Addr::LOCALHOST)),
    ]
}

const ROOT: &str = "Demo Root CA";
const YEAR: i64 = 365 * 24 * 3600 * 1000;

#[cfg(test)]
mod tests;
