//! The attributes of faces: the consent beside the factor, the reference as an item of its own, and the comparisons of a
//! day.

use super::{KEPT_SECONDS, Record, check_schema, new_item, read_sealed, time, versioned};
use crate::domain::factor::face::{Comparisons, Consent, ConsentVersion, Reference};
use crate::domain::ids::{FactorId, UserId};
use crate::domain::policy::Policy;
use crate::domain::time::Timestamp;
use crate::store::{Item, ItemError, Key};

/// The key of the reference of a user's face.
#[must_use]
pub fn reference_key(user: &UserId) -> Key {
    Key::new('f', &[user.as_str()])
}

/// The key of the comparisons of faces today, over all users.
#[must_use]
pub fn comparisons_key() -> Key {
    Key::new('b', &["faces"])
}

pub(super) fn write_consent(item: Item, consent: &Consent) -> Item {
    item.with("consent", consent.version.as_str()).with("consentAt", consent.at.unix())
}

pub(super) fn read_consent(item: &Item) -> Result<Consent, ItemError> {
    let version = ConsentVersion::parse(item.text("consent")?).ok_or(ItemError("consent"))?;
    Ok(Consent { version, at: time(item, "consentAt")? })
}

impl Record for Reference {
    fn write(&self) -> Item {
        match self {
            Self::None => new_item(),
            Self::Kept { factor, photo, since } => new_item()
                .with("factor", factor.as_str())
                .with("photo", versioned(photo.version, &photo.bytes))
                .with("since", since.unix()),
        }
    }

    fn read(item: &Item) -> Result<Self, ItemError> {
        check_schema(item)?;
        let Some(factor) = item.optional_text("factor")? else { return Ok(Self::None) };
        let factor = FactorId::parse(factor).ok_or(ItemError("factor"))?;
        Ok(Self::Kept { factor, photo: read_sealed(item, "photo")?, since: time(item, "since")? })
    }

    /// The store deletes the photo at the end of its time, without the day that other items are kept for longer.
    fn ttl(&self, now: Timestamp, policy: &Policy) -> Option<i64> {
        Some(self.deadline(policy.face_keep_seconds()).unwrap_or(now.plus(KEPT_SECONDS)).unix())
    }
}

impl Record for Comparisons {
    fn write(&self) -> Item {
        new_item().with("day", self.day).with("count", self.count)
    }

    fn read(item: &Item) -> Result<Self, ItemError> {
        check_schema(item)?;
        Ok(Self { day: item.number("day")?, count: item.number("count")? })
    }

    fn ttl(&self, _: Timestamp, _: &Policy) -> Option<i64> {
        Some(self.deadline().plus(KEPT_SECONDS).unix())
    }
}
