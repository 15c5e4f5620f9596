//! The URLs of this server, and the settings that follow from them. Programs call 127.0.0.1. The page is at `localhost`,
//! because a browser takes no IP address for a relying party (WebAuthn Level 3, section 5.1.3).

use countersign::domain::factor::passkey::RelyingParty;
use countersign::flows::Settings;

use crate::try_it::RETURN_PATH;

/// The id of the relying party, and the host of the page.
const LOCALHOST: &str = "localhost";

/// The issuer of receipts of a server on this port.
fn issuer(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// The origin of the pages of a server on this port.
pub(crate) fn origin(port: u16) -> String {
    format!("http://{LOCALHOST}:{port}")
}

/// The URL of the page of hosted sessions of a server on this port.
fn page_url(port: u16) -> String {
    format!("{}/page", origin(port))
}

/// The URLs to which the sessions of "Try it" return: a browser may use either name of this machine.
pub(crate) fn return_urls(port: u16) -> [String; 2] {
    [issuer(port), origin(port)].map(|site| format!("{site}{RETURN_PATH}"))
}

/// The default of a setting, where the local server has another one than the table. `rp_id` is the given id of the relying
/// party, if any.
pub(crate) fn default(name: &str, port: u16, rp_id: Option<&str>) -> Option<String> {
    match name {
        "RECEIPT_ISSUER" => Some(issuer(port)),
        "PAGE_URL" => Some(page_url(port)),
        "RP_ID" => Some(LOCALHOST.to_owned()),
        "RP_ORIGINS" => rp_id.is_none_or(|id| id.trim() == LOCALHOST).then(|| origin(port)),
        _ => None,
    }
}

/// Replaces the defaults of port 0 in the settings by those of the port that the system chose.
///
/// # Errors
/// Never in practice: the origin has the form that a relying party demands.
pub(crate) fn move_to(settings: &mut Settings, port: u16) -> Result<(), &'static str> {
    if let Some(receipts) = settings.receipts.as_mut().filter(|receipts| receipts.issuer == issuer(0)) {
        receipts.issuer = issuer(port);
    }
    if settings.page_url.as_ref().is_some_and(|url| *url == page_url(0)) {
        settings.page_url = Some(page_url(port));
    }
    if settings.relying_party.as_ref().is_some_and(|party| party.origins() == [origin(0)]) {
        settings.relying_party = Some(RelyingParty::new(LOCALHOST, &settings.product, &[&origin(port)])?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use countersign::config;

    use super::*;

    /// The settings of a server that was started on this port with these flags.
    fn settings(port: u16, given: &[(&str, &str)]) -> Settings {
        let flag = |name: &str| given.iter().find(|(each, _)| *each == name).map(|(_, value)| (*value).to_owned());
        let rp_id = flag("RP_ID");
        config::read(|name| flag(name).or_else(|| default(name, port, rp_id.as_deref()))).unwrap()
    }

    fn origins(settings: &Settings) -> &[String] {
        settings.relying_party.as_ref().map(RelyingParty::origins).unwrap_or_default()
    }

    #[test]
    fn the_page_and_passkeys_are_at_localhost_on_the_port_of_the_server() {
        for (asked, chosen) in [(3000, 3000), (0, 40000)] {
            let mut settings = settings(asked, &[]);
            move_to(&mut settings, chosen).unwrap();
            settings.return_urls.0.extend(return_urls(chosen));
            assert_eq!(config::check_page(&settings), Ok(()));
            assert_eq!(settings.page(), Some(format!("http://localhost:{chosen}/page")));
            assert_eq!(origins(&settings), [format!("http://localhost:{chosen}")]);
            assert_eq!(settings.relying_party.as_ref().map(RelyingParty::id), Some("localhost"));
            assert_eq!(settings.receipts.unwrap().issuer, format!("http://127.0.0.1:{chosen}"));
        }
    }

    #[test]
    fn given_settings_stay_as_they_are() {
        let given = [
            ("RECEIPT_ISSUER", "https://issuer.example"),
            ("PAGE_URL", "https://login.example.com/page"),
            ("RP_ID", "example.com"),
            ("RP_ORIGINS", "https://login.example.com"),
        ];
        let mut settings = settings(0, &given);
        move_to(&mut settings, 40000).unwrap();
        assert_eq!(settings.receipts.as_ref().unwrap().issuer, given[0].1);
        assert_eq!(settings.page_url.as_deref(), Some(given[1].1));
        assert_eq!(origins(&settings), [given[3].1]);
    }

    #[test]
    fn another_id_has_its_own_origin_and_an_empty_one_turns_passkeys_off() {
        assert_eq!(origins(&settings(3000, &[("RP_ID", "example.com")])), ["https://example.com"]);
        assert_eq!(settings(3000, &[("RP_ID", "")]).relying_party, None);
    }
}
