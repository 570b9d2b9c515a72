//! What a request's challenge attributes prove: that it was made for this connection (RFC 7030 section 3.5), or who asks, by an
//! enrolment code (RFC 7894 section 3.1). None of them is ever just ignored (RFC 7894 section 4).

use est::{Challenge, Challenges, links_to};

use crate::frontend::Tls;
use crate::rules::{ChallengePassword, Demand, EstRules, OtpChallenge, RevocationChallenge};

/// Checks that a request belongs to the connection it came over, as far as it says so and the profile wants it.
///
/// A registration authority that is trusted to speak for others checked its requester's own connection; what that was called
/// we cannot know (RFC 7030 section 3.7, DESIGN rule 10).
pub(super) fn check_link(challenges: &Challenges, rules: EstRules, tls: &Tls, trusted_ra: bool) -> Result<(), String> {
    let password = challenges.password.as_deref().filter(|_| rules.challenge_password == ChallengePassword::Binding);
    let values =
        [(Challenge::Password, password), (Challenge::IdentityLinking, challenges.identity_linking.as_deref())];
    let mut present = values.into_iter().filter_map(|(kind, value)| Some((kind, value?))).peekable();
    if present.peek().is_none() && rules.channel_binding == Demand::Required {
        if tls.relayed {
            return Err("proof-of-possession linking is required (RFC 7030 section 3.5) and not possible through a balancer that ends \
                        the TLS connection; use the address that leads here without it"
                .to_owned());
        }
        return Err(format!(
            "proof-of-possession linking is required (RFC 7030 section 3.5): put the base64 of this connection's {} into {}",
            binding_name(tls),
            attribute_names(rules)
        ));
    }
    let linked = |value: &str| tls.bindings.iter().any(|binding| links_to(value, binding.octets()));
    match present.find(|(_, value)| !trusted_ra && !linked(value)) {
        None => Ok(()),
        Some((kind, _)) if tls.relayed => Err(format!(
            "proof-of-possession linking is not possible (RFC 7030 section 3.5): a balancer ended the TLS connection that {} belongs to; \
             leave it out, or use the address that leads here without it",
            kind.name()
        )),
        // RFC 7627 section 5.4.
        Some((kind, _)) if tls.bindings.is_empty() => Err(format!(
            "proof-of-possession linking failed (RFC 7030 section 3.5): there is a {}, but this TLS connection resumes a session \
             that may lack the extended master secret, and so has no {} to rely on; connect without resumption",
            kind.name(),
            binding_name(tls)
        )),
        Some((kind, _)) => Err(format!(
            "proof-of-possession linking failed (RFC 7030 section 3.5): {} is not the base64 of this connection's {}",
            kind.name(),
            binding_name(tls)
        )),
    }
}

/// The value that links on this version of TLS.
fn binding_name(tls: &Tls) -> &'static str {
    // RFC 9266 section 1: TLS 1.3 has no tls-unique.
    if tls.version_1_3 { "tls-exporter (RFC 9266)" } else { "tls-unique (RFC 5929)" }
}

fn attribute_names(rules: EstRules) -> &'static str {
    match rules.challenge_password {
        ChallengePassword::Binding => "challengePassword or estIdentityLinking",
        ChallengePassword::EnrolmentCode => "estIdentityLinking",
    }
}

/// Checks that the profile knows what to do with the passwords in a request.
pub(super) fn check_passwords(challenges: &Challenges, rules: EstRules) -> Result<(), String> {
    if challenges.otp.is_some() && rules.otp_challenge == OtpChallenge::Refuse {
        return Err("otpChallenge is not taken here; leave it out".to_owned());
    }
    if challenges.revocation.is_some() && rules.revocation_challenge == RevocationChallenge::Refuse {
        return Err("revocationChallenge is not taken here, as nobody could revoke with it; leave it out".to_owned());
    }
    Ok(())
}

/// The reference and the secret of the enrolment code that a request carries where the profile says so, as `REFERENCE:SECRET`: a
/// secret alone finds no code, as it is kept only encrypted (DESIGN rule 11).
pub(super) fn carried_code(challenges: &Challenges, rules: EstRules) -> Result<Option<(&str, &str)>, String> {
    let password =
        challenges.password.as_deref().filter(|_| rules.challenge_password == ChallengePassword::EnrolmentCode);
    let otp = challenges.otp.as_deref().filter(|_| rules.otp_challenge == OtpChallenge::EnrolmentCode);
    let (kind, code) = match (password, otp) {
        (None, None) => return Ok(None),
        (Some(password), Some(otp)) if password != otp => {
            return Err("challengePassword and otpChallenge hold different enrolment codes; send one".to_owned());
        }
        (_, Some(otp)) => (Challenge::Otp, otp),
        (Some(password), None) => (Challenge::Password, password),
    };
    match code.split_once(':') {
        Some(parts) => Ok(Some(parts)),
        None => Err(format!("{} must hold an enrolment code as REFERENCE:SECRET", kind.name())),
    }
}

/// What `/csrattrs` asks for: RFC 7030 section 4.5.2 where a link is required, RFC 7894 section 4.
pub(super) fn wanted(rules: EstRules, relayed: bool) -> Vec<Challenge> {
    // Through a balancer nobody can.
    let linked = rules.channel_binding == Demand::Required && !relayed;
    // Where it is an enrolment code nobody is asked for it: a client that knows RFC 7030 would put tls-unique there.
    let password = linked && rules.challenge_password == ChallengePassword::Binding;
    let otp = rules.otp_challenge == OtpChallenge::EnrolmentCode;
    [(Challenge::Password, password), (Challenge::IdentityLinking, linked), (Challenge::Otp, otp)]
        .into_iter()
        .filter_map(|(kind, wanted)| wanted.then_some(kind))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frontend::ChannelBinding;
    use base64::Engine as _;

    const UNIQUE: [u8; 12] = [7; 12];

    fn base64(octets: &[u8]) -> String {
        base64::engine::general_purpose::STANDARD.encode(octets)
    }

    fn tls(bindings: &[ChannelBinding]) -> Tls {
        Tls { client_chain: Vec::new(), relayed: false, version_1_3: false, bindings: bindings.to_vec() }
    }

    fn here() -> Tls {
        tls(&[ChannelBinding::TlsUnique(UNIQUE), ChannelBinding::TlsExporter([8; 32])])
    }

    fn password(value: String) -> Challenges {
        Challenges { password: Some(value), ..Challenges::default() }
    }

    fn linking(value: String) -> Challenges {
        Challenges { identity_linking: Some(value), ..Challenges::default() }
    }

    fn required() -> EstRules {
        EstRules { channel_binding: Demand::Required, ..EstRules::default() }
    }

    fn codes() -> EstRules {
        EstRules {
            challenge_password: ChallengePassword::EnrolmentCode,
            otp_challenge: OtpChallenge::EnrolmentCode,
            ..EstRules::default()
        }
    }

    #[test]
    fn a_link_that_is_there_must_be_of_this_connection() {
        for attribute in [password as fn(String) -> Challenges, linking] {
            for (octets, good) in [(&UNIQUE[..], true), (&[8; 32], true), (&[9; 12], false), (&[], false)] {
                let checked = check_link(&attribute(base64(octets)), EstRules::default(), &here(), false);
                assert_eq!(checked.is_ok(), good, "{checked:?}");
                assert!(good || checked.unwrap_err().contains("proof-of-possession linking"));
            }
        }
    }

    #[test]
    fn every_link_that_is_there_must_be_right() {
        let both = |password: &str, linking: &str| Challenges {
            password: Some(password.to_owned()),
            identity_linking: Some(linking.to_owned()),
            ..Challenges::default()
        };
        let (right, wrong) = (base64(&UNIQUE), base64(&[9; 12]));
        for (challenges, good) in
            [(both(&right, &right), true), (both(&right, &wrong), false), (both(&wrong, &right), false)]
        {
            assert_eq!(check_link(&challenges, EstRules::default(), &here(), false).is_ok(), good);
        }
    }

    #[test]
    fn a_link_is_missed_only_where_it_is_required() {
        let none = Challenges::default();
        assert!(check_link(&none, EstRules::default(), &here(), false).is_ok());
        let missed = check_link(&none, required(), &here(), false).unwrap_err();
        assert!(missed.contains("linking is required") && missed.contains("tls-unique"), "{missed}");
        assert!(check_link(&none, required(), &here(), true).is_err(), "an authority brings that of its requester");
        assert!(check_link(&linking(base64(&UNIQUE)), required(), &here(), false).is_ok());
    }

    #[test]
    fn a_connection_without_binding_can_be_linked_to_by_nobody() {
        let fault = check_link(&password(base64(&UNIQUE)), EstRules::default(), &tls(&[]), false).unwrap_err();
        assert!(fault.contains("without resumption"), "{fault}");
    }

    #[test]
    fn a_connection_that_ended_at_a_balancer_can_be_linked_to_by_nobody() {
        let relayed = Tls { relayed: true, ..tls(&[]) };
        let fault = check_link(&password(base64(&UNIQUE)), EstRules::default(), &relayed, false).unwrap_err();
        assert!(fault.contains("a balancer ended"), "{fault}");
        let fault = check_link(&Challenges::default(), required(), &relayed, false).unwrap_err();
        assert!(fault.contains("not possible through a balancer"), "{fault}");
        assert!(check_link(&Challenges::default(), EstRules::default(), &relayed, false).is_ok());
    }

    #[test]
    fn a_trusted_authority_may_bring_another_connections_link() {
        let other = password(base64(&[9; 12]));
        assert!(check_link(&other, required(), &here(), true).is_ok());
        assert!(check_link(&other, required(), &here(), false).is_err());
    }

    #[test]
    fn an_enrolment_code_is_no_link_and_none_is_guessed() {
        let code = password("ab:cd".to_owned());
        assert_eq!(carried_code(&code, codes()), Ok(Some(("ab", "cd"))));
        assert!(check_link(&code, codes(), &here(), false).is_ok());
        assert_eq!(carried_code(&code, EstRules::default()), Ok(None));
        assert!(check_link(&code, EstRules::default(), &here(), false).is_err(), "there it is a link, and wrong");
        let demanding = EstRules { channel_binding: Demand::Required, ..codes() };
        let missed = check_link(&code, demanding, &here(), false).unwrap_err();
        assert!(!missed.contains("challengePassword"), "{missed}");
    }

    #[test]
    fn a_code_in_two_attributes_must_be_the_same() {
        let two = |one: &str, other: &str| Challenges {
            password: Some(one.to_owned()),
            otp: Some(other.to_owned()),
            ..Challenges::default()
        };
        assert_eq!(carried_code(&two("a:b", "a:b"), codes()), Ok(Some(("a", "b"))));
        assert!(carried_code(&two("a:b", "a:c"), codes()).is_err());
        let fault = carried_code(&two("secret", "secret"), codes()).unwrap_err();
        assert!(fault.contains("REFERENCE:SECRET") && !fault.contains("secret"), "{fault}");
    }

    #[test]
    fn passwords_that_the_profile_has_no_use_for_are_refused() {
        let otp = Challenges { otp: Some("a:b".to_owned()), ..Challenges::default() };
        assert!(check_passwords(&otp, EstRules::default()).is_err());
        assert!(check_passwords(&otp, codes()).is_ok());
        let revocation = Challenges { revocation: Some("a".to_owned()), ..Challenges::default() };
        assert!(check_passwords(&revocation, EstRules::default()).is_err());
        let ignoring = EstRules { revocation_challenge: RevocationChallenge::Ignore, ..EstRules::default() };
        assert!(check_passwords(&revocation, ignoring).is_ok());
    }

    #[test]
    fn csr_attributes_ask_for_what_is_required() {
        assert_eq!(wanted(EstRules::default(), false), []);
        assert_eq!(wanted(required(), false), [Challenge::Password, Challenge::IdentityLinking]);
        assert_eq!(wanted(required(), true), [], "through a balancer nobody can link");
        assert_eq!(wanted(codes(), false), [Challenge::Otp]);
        let demanding = EstRules { channel_binding: Demand::Required, ..codes() };
        assert_eq!(wanted(demanding, false), [Challenge::IdentityLinking, Challenge::Otp]);
    }
}
