use crate::walk::{SEQUENCE, Walk, explicit, implicit};
use crate::{AltName, Certificate, Fault, oid};

/// Which certificates a list speaks of: its issuing distribution point (RFC 5280 section 5.2.5).
#[derive(Clone, Debug)]
pub(super) struct Scope {
    /// The list is one of several and this is its name.
    names: Option<Vec<AltName>>,
    only_user: bool,
    only_ca: bool,
    /// Attribute certificates only, some reasons only, or a name relative to the issuer's: nothing we look up.
    foreign: bool,
}

impl Scope {
    pub(super) fn read(value: &[u8]) -> Result<Self, Fault> {
        let whole = Walk::only(WHAT, value, SEQUENCE)?;
        let mut fields = whole.inside()?;
        let mut scope = Self { names: None, only_user: false, only_ca: false, foreign: false };
        if let Some(point) = fields.take_if(explicit(0))? {
            scope.names = full_name(point.content)?;
            scope.foreign |= scope.names.is_none();
        }
        scope.only_user = fields.take_if(implicit(1))?.map_or(Ok(false), |flag| flag.boolean())?;
        scope.only_ca = fields.take_if(implicit(2))?.map_or(Ok(false), |flag| flag.boolean())?;
        scope.foreign |= fields.take_if(implicit(3))?.is_some();
        if fields.take_if(implicit(4))?.map_or(Ok(false), |flag| flag.boolean())? {
            return Err(whole.fault("indirect lists are not supported"));
        }
        scope.foreign |= fields.take_if(implicit(5))?.map_or(Ok(false), |flag| flag.boolean())?;
        fields.finish()?;
        Ok(scope)
    }

    /// Whether the list speaks of this certificate (RFC 5280 section 6.3.3 (b) (2)).
    pub(super) fn covers(&self, certificate: &Certificate) -> bool {
        if self.foreign || (self.only_user && certificate.is_ca()) || (self.only_ca && !certificate.is_ca()) {
            return false;
        }
        let Some(names) = &self.names else {
            return true;
        };
        let points = certificate
            .extension(oid::CRL_DISTRIBUTION_POINTS)
            .and_then(|(_, value)| distribution_points(value).ok())
            .unwrap_or_default();
        points.iter().any(|point| names.contains(point))
    }
}

/// The full names of a certificate's distribution points that cover all reasons and name no other issuer.
fn distribution_points(value: &[u8]) -> Result<Vec<AltName>, Fault> {
    let mut points = Walk::only(WHAT, value, SEQUENCE)?.inside()?;
    let mut names = Vec::new();
    while !points.is_empty() {
        let mut fields = points.take(SEQUENCE)?.inside()?;
        let name = fields.take_if(explicit(0))?;
        if let (Some(name), true) = (name, fields.is_empty()) {
            names.extend(full_name(name.content)?.unwrap_or_default());
        }
    }
    Ok(names)
}

/// The fullName of a `DistributionPointName`; `None` for one relative to the issuer.
fn full_name(point: &[u8]) -> Result<Option<Vec<AltName>>, Fault> {
    let mut walk = Walk::new(WHAT, point)?;
    let Some(full) = walk.take_if(explicit(0))? else {
        return Ok(None);
    };
    let mut items = full.inside()?;
    let mut names = Vec::new();
    while !items.is_empty() {
        names.push(AltName::parse(items.next()?.der)?);
    }
    walk.finish()?;
    Ok(Some(names))
}

const WHAT: &str = "a distribution point";
