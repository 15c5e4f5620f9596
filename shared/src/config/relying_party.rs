//! The relying party of passkeys: its settings, and the rule that connects them with the page of hosted sessions.

use super::{ConfigError, Reader, list};
use crate::domain::factor::passkey::RelyingParty;
use crate::flows::Settings;

/// The only id whose origins may lack TLS. Browsers trust it, and it is no registrable domain.
const LOCALHOST: &str = "localhost";

/// The relying party with this name for people. `None`: passkeys are off.
pub(super) fn relying_party(reader: &mut Reader<'_>, name: &str) -> Option<RelyingParty> {
    let (id, given) = (reader.text("RP_ID"), list(&reader.text("RP_ORIGINS")));
    if id.is_empty() {
        if !given.is_empty() {
            reader.problems.push("RP_ORIGINS needs RP_ID, the domain that passkeys belong to".to_owned());
        }
        return None;
    }
    let origins = if given.is_empty() { vec![format!("https://{id}")] } else { given };
    let origins: Vec<&str> = origins.iter().map(String::as_str).collect();
    let party = RelyingParty::new(&id, name, &origins);
    if party == Err(RelyingParty::ID_RULE) {
        reader.problems.push(format!("RP_ID {}", RelyingParty::ID_RULE));
    }
    // The default origin is not judged, because it has the mistakes of the id.
    let is_default = origins.iter().all(|origin| origin.strip_prefix("https://") == Some(id.as_str()));
    if !is_default && RelyingParty::new(LOCALHOST, name, &origins).is_err() {
        reader.problems.push(format!("RP_ORIGINS {}", RelyingParty::ORIGINS_RULE));
    } else if let Some(origin) = origins.iter().find(|origin| origin.starts_with("http://") && id != LOCALHOST) {
        reader
            .problems
            .push(format!("RP_ORIGINS must have https: a browser takes {origin} for RP_ID {LOCALHOST} alone"));
    }
    party.ok()
}

/// Checks that browsers allow passkeys on the page of hosted sessions, if there are both.
///
/// # Errors
/// [`ConfigError`] if the origin of the page is not one of the relying party's.
pub fn check_page(settings: &Settings) -> Result<(), ConfigError> {
    let (Some(party), Some(page)) = (&settings.relying_party, settings.page()) else { return Ok(()) };
    let Some(origin) = origin(&page).filter(|origin| !party.origins().contains(origin)) else { return Ok(()) };
    let problem = format!(
        "RP_ORIGINS must include {origin}, where the page of hosted sessions is. If the page is at another URL, set PAGE_URL"
    );
    Err(ConfigError(vec![problem]))
}

/// The origin of a URL in the form that browsers send (RFC 6454, section 6.2): in lower case, without the standard port.
fn origin(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let (scheme, host) = (scheme.to_lowercase(), rest.split('/').next()?.to_lowercase());
    let standard = if scheme == "https" { ":443" } else { ":80" };
    Some(format!("{scheme}://{}", host.strip_suffix(standard).unwrap_or(&host)))
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

    /// The settings with these values.
    fn set(values: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
        let lookup = |name: &str| values.iter().find(|(each, _)| *each == name).map(|(_, value)| (*value).to_owned());
        read(lookup).map_err(|ConfigError(problems)| problems)
    }

    /// The id, the name and the origins of the relying party.
    fn party(values: &[(&str, &str)]) -> Option<(String, String, Vec<String>)> {
        let party = set(values).unwrap().relying_party?;
        Some((party.id().to_owned(), party.name().to_owned(), party.origins().to_vec()))
    }

    #[test]
    fn there_are_no_passkeys_without_a_relying_party_id() {
        assert_eq!(party(&[]), None);
        assert_eq!(party(&[("RP_ID", " "), ("RP_ORIGINS", ",")]), None);
        let problems = set(&[("RP_ORIGINS", "https://example.com")]).unwrap_err();
        assert_eq!(problems, ["RP_ORIGINS needs RP_ID, the domain that passkeys belong to"]);
    }

    #[test]
    fn the_relying_party_has_the_products_name_and_by_default_the_origin_of_its_id() {
        let of = |origins: &[&str]| {
            let origins = origins.iter().map(|&origin| origin.to_owned()).collect();
            Some(("example.com".to_owned(), "Shop".to_owned(), origins))
        };
        let few = [("RP_ID", "example.com"), ("PRODUCT_NAME", "Shop")];
        assert_eq!(party(&few), of(&["https://example.com"]));
        // Related origins: other hosts may use the passkeys of this one.
        let given = ("RP_ORIGINS", "https://login.example.com, https://example.ch,https://login.example.com:8443");
        let many = of(&["https://login.example.com", "https://example.ch", "https://login.example.com:8443"]);
        assert_eq!(party(&[few[0], few[1], given]), many);
    }

    #[test]
    fn an_id_and_origins_that_no_browser_takes_are_reported_together() {
        let id = format!("RP_ID {}", RelyingParty::ID_RULE);
        let origins = format!("RP_ORIGINS {}", RelyingParty::ORIGINS_RULE);
        for wrong in ["Example.com", "https://example.com", "127.0.0.1", "example.com:443"] {
            assert_eq!(set(&[("RP_ID", wrong)]).unwrap_err(), [id.as_str()], "{wrong}");
            let both = set(&[("RP_ID", wrong), ("RP_ORIGINS", "example.com")]);
            assert_eq!(both.unwrap_err(), [id.as_str(), &origins], "{wrong}");
        }
        for wrong in ["https://example.com/", "*", "https://example.com:443", "http://example.com"] {
            let given = format!("https://example.com,{wrong}");
            assert_eq!(set(&[("RP_ID", "example.com"), ("RP_ORIGINS", &given)]).unwrap_err(), [origins.as_str()]);
        }
    }

    #[test]
    fn only_the_id_localhost_has_an_origin_without_tls() {
        let origins = ("RP_ORIGINS", "http://localhost:3000");
        assert!(party(&[("RP_ID", "localhost"), origins]).is_some());
        let problems = set(&[("RP_ID", "example.com"), origins]).unwrap_err();
        assert_eq!(
            problems,
            ["RP_ORIGINS must have https: a browser takes http://localhost:3000 for RP_ID localhost alone"]
        );
    }

    #[test]
    fn the_origin_of_the_page_is_one_of_the_relying_partys() {
        let sessions = [("RP_ID", "example.com"), ("RETURN_URLS", "https://shop.example.com/signed-in")];
        let with = |more: &[(&str, &str)]| set(&[&sessions, more].concat()).map(drop);
        let issuer = ("RECEIPT_ISSUER", "https://API.example.com/");
        let elsewhere = ("PAGE_URL", "https://login.example.com:443/page");
        for (more, missing) in [
            (&[issuer][..], "https://api.example.com"),
            (&[issuer, elsewhere], "https://login.example.com"),
            (
                &[elsewhere, ("RP_ORIGINS", "https://example.com,https://login.example.com:8443")],
                "https://login.example.com",
            ),
        ] {
            let problem = format!(
                "RP_ORIGINS must include {missing}, where the page of hosted sessions is. If the page is at another URL, \
                 set PAGE_URL"
            );
            assert_eq!(with(more), Err(vec![problem]), "{more:?}");
        }
        assert_eq!(with(&[elsewhere, ("RP_ORIGINS", "https://example.com,https://login.example.com")]), Ok(()));
        assert_eq!(with(&[("PAGE_URL", "https://example.com/page")]), Ok(()));
        // Without sessions there is no page.
        assert_eq!(set(&[sessions[0], elsewhere, issuer]).map(drop), Ok(()));
    }
}
