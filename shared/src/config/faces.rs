//! Faces: whether they are on, and their limits.

use super::{Reader, list, switch};
use crate::domain::factor::face::Similarity;
use crate::flows::faces::FaceSettings;

/// The comparisons that a dollar of the ceiling allows. Amazon Rekognition takes $0.001 to $0.0013 for one, by region. It
/// is charged as $0.002, so that the sum stays below the ceiling.
const COMPARISONS_PER_DOLLAR: u32 = 500;

/// The settings of faces; `None` if they are off.
pub(super) fn faces(reader: &mut Reader<'_>) -> Option<FaceSettings> {
    let is_on = reader.parsed("FACES", "must be on or off", switch);
    let least = Similarity::of_percent(reader.number("FACE_SIMILARITY"));
    let dollars: u32 = reader.number("FACE_DAILY_DOLLARS");
    let photo_hosts = reader.parsed("PHOTO_HOSTS", "must be host names, such as photos.example.com", photo_hosts);
    let comparisons_per_day = dollars.saturating_mul(COMPARISONS_PER_DOLLAR);
    is_on.then_some(FaceSettings { least, comparisons_per_day, photo_hosts })
}

/// Host names in lower case, with a dot and without a port.
fn photo_hosts(text: &str) -> Option<Vec<String>> {
    let hosts = list(text);
    let is_label = |label: &str| {
        let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (1..=63).contains(&label.len()) && label.bytes().all(is_allowed)
    };
    // An address of four numbers has no letter in its last label.
    let is_name = |host: &String| {
        let mut labels = host.rsplit('.');
        let is_domain = labels.next().is_some_and(|last| last.bytes().any(|byte| byte.is_ascii_lowercase()));
        is_domain && host.len() <= 253 && host.contains('.') && host.split('.').all(is_label)
    };
    hosts.iter().all(is_name).then_some(hosts)
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;
    use crate::config::ConfigError;

    fn set(values: &[(&str, &str)]) -> Result<Option<FaceSettings>, ConfigError> {
        let lookup = |name: &str| values.iter().find(|(each, _)| *each == name).map(|(_, value)| (*value).to_owned());
        read(lookup).map(|settings| settings.faces)
    }

    #[test]
    fn faces_are_off_unless_the_operator_wants_them_t45() {
        assert_eq!(set(&[]), Ok(None));
        assert_eq!(set(&[("FACES", "off"), ("PHOTO_HOSTS", "photos.example.com")]), Ok(None));
        let on = set(&[("FACES", "on"), ("FACE_DAILY_DOLLARS", "3")]).unwrap().unwrap();
        let expected =
            FaceSettings { least: Similarity::of_percent(99), comparisons_per_day: 1500, photo_hosts: vec![] };
        assert_eq!(on, expected);
        assert!(set(&[("FACES", "yes")]).is_err());
    }

    #[test]
    fn a_photo_host_is_a_name_and_no_address_t36() {
        let hosts = |text: &str| set(&[("FACES", "on"), ("PHOTO_HOSTS", text)]).map(|faces| faces.unwrap().photo_hosts);
        assert_eq!(
            hosts("a.example.com, cdn-2.example"),
            Ok(vec!["a.example.com".to_owned(), "cdn-2.example".to_owned()])
        );
        for wrong in [
            "localhost",
            "127.0.0.1",
            "169.254.169.254",
            "[::1]",
            "*.example.com",
            "Example.com",
            "example.com:8443",
            "https://example.com",
            "example.com/photos",
            "example.com.",
            ".example.com",
        ] {
            assert!(hosts(wrong).is_err(), "{wrong}");
        }
    }
}
