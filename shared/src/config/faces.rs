//! Faces: whether they are on, and their limits.

use super::{Reader, switch};
use crate::domain::factor::face::Similarity;
use crate::flows::faces::FaceSettings;
use crate::photo_link::PhotoHosts;

/// The comparisons that a dollar of the ceiling allows. Amazon Rekognition takes $0.001 to $0.0013 for one, by region. It
/// is charged as $0.002, so that the sum stays below the ceiling.
const COMPARISONS_PER_DOLLAR: u32 = 500;

/// The settings of faces; `None` if they are off.
pub(super) fn faces(reader: &mut Reader<'_>) -> Option<FaceSettings> {
    let is_on = reader.parsed("FACES", "must be on or off", switch);
    let least = Similarity::of_percent(reader.number("FACE_SIMILARITY"));
    let dollars: u32 = reader.number("FACE_DAILY_DOLLARS");
    let photo_hosts =
        reader.parsed("PHOTO_HOSTS", "must be full host names, such as photos.example.com, with commas", |text| {
            PhotoHosts::parse(text).ok()
        });
    let comparisons_per_day = dollars.saturating_mul(COMPARISONS_PER_DOLLAR);
    is_on.then_some(FaceSettings { least, comparisons_per_day, photo_hosts })
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
        let expected = FaceSettings {
            least: Similarity::of_percent(99),
            comparisons_per_day: 1500,
            photo_hosts: PhotoHosts::default(),
        };
        assert_eq!(on, expected);
        assert!(set(&[("FACES", "yes")]).is_err());
    }

    #[test]
    fn a_photo_host_is_a_name_and_no_address_t36() {
        let set = |hosts: &str| set(&[("FACES", "on"), ("PHOTO_HOSTS", hosts)]);
        assert_eq!(set("a.example.com").unwrap().unwrap().photo_hosts, PhotoHosts::parse("a.example.com").unwrap());
        for wrong in ["localhost", "169.254.169.254", "*.example.com", "https://example.com", "example.com:8443"] {
            assert!(set(wrong).is_err(), "{wrong}");
        }
    }
}
