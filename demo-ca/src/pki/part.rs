use std::path::{Path, PathBuf};

use certs::{Certificate, Signer as _};

use crate::Fault;
use crate::files::{self, Readers};
use crate::signer::SoftwareSigner;

/// Whose certificate and key; gives their files' names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Part {
    /// `root`: the trust anchor.
    Root,
    /// `issuing`: the intermediate authority.
    Issuing,
    /// `cmp-signer`: signs the CA's messages.
    CmpSigner,
    /// `manufacturer`: the maker of devices.
    Manufacturer,
    /// `device`: a device's `IDevID`.
    Device,
    /// `tls`: the RA's TLS server, certificate and intermediate in one file.
    TlsServer,
    /// `ra`: the RA, whose key is in its token.
    Ra,
    /// `second-ra`: another RA.
    SecondRa,
}

impl Part {
    /// The PEM file of the certificate; the certificate itself is the first in it.
    #[must_use]
    pub fn certificate_file(self, folder: &Path) -> PathBuf {
        folder.join(format!("{}.pem", self.stem()))
    }

    /// The PEM file of the key (PKCS#8).
    #[must_use]
    pub fn key_file(self, folder: &Path) -> PathBuf {
        folder.join(format!("{}.key", self.stem()))
    }

    fn stem(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Issuing => "issuing",
            Self::CmpSigner => "cmp-signer",
            Self::Manufacturer => "manufacturer",
            Self::Device => "device",
            Self::TlsServer => "tls",
            Self::Ra => "ra",
            Self::SecondRa => "second-ra",
        }
    }
}

/// A certificate and its key.
#[derive(Debug)]
pub struct Identity {
    /// The certificate.
    pub certificate: Certificate,
    /// Its key.
    pub signer: SoftwareSigner,
}

impl Identity {
    /// Puts both together.
    #[must_use]
    pub fn new(certificate: Certificate, signer: SoftwareSigner) -> Self {
        Self { certificate, signer }
    }

    /// Reads both from their files.
    ///
    /// # Errors
    /// When a file is missing or does not hold what it should.
    pub fn load(folder: &Path, part: Part) -> Result<Self, Fault> {
        Self::from_files(&part.certificate_file(folder), &part.key_file(folder))
    }

    /// Reads both from any two files; the first certificate counts.
    ///
    /// # Errors
    /// When a file is missing, does not hold what it should, or the key is another's.
    pub fn from_files(certificate: &Path, key: &Path) -> Result<Self, Fault> {
        let signer = SoftwareSigner::load(key)?;
        let file = certificate;
        let wrong = |detail: String| Fault::Content { path: file.to_owned(), detail };
        let certificate = read_certificates(file)?
            .into_iter()
            .next()
            .ok_or_else(|| wrong("there is no certificate in it".to_owned()))?;
        if certificate.public_key() != signer.public_key() {
            return Err(wrong(format!("its key is not the one in {}", key.display())));
        }
        Ok(Self { certificate, signer })
    }

    /// Writes both to their files, the certificate followed by a chain.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn save(&self, folder: &Path, part: Part, chain: &[Certificate]) -> Result<(), Fault> {
        let certificates: Vec<_> = std::iter::once(self.certificate.clone()).chain(chain.iter().cloned()).collect();
        write_certificates(&part.certificate_file(folder), &certificates)?;
        self.signer.save(&part.key_file(folder))
    }
}

/// Reads all certificates of a PEM file.
pub(crate) fn read_certificates(path: &Path) -> Result<Vec<Certificate>, Fault> {
    Certificate::parse_pem(&files::read(path)?)
        .map_err(|fault| Fault::Content { path: path.to_owned(), detail: fault.to_string() })
}

/// Writes certificates to a PEM file.
pub(super) fn write_certificates(path: &Path, certificates: &[Certificate]) -> Result<(), Fault> {
    let text: String = certificates.iter().map(Certificate::to_pem).collect();
    files::write(path, text.as_bytes(), Readers::All)
}
