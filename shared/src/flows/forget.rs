//! Forgetting a user: everything of theirs at once.

use futures_util::future::try_join_all;

use super::App;
use crate::domain::challenge::Challenge;
use crate::domain::enrollment::Enrollment;
use crate::domain::error::Error;
use crate::domain::factor::{FactorType, Method};
use crate::domain::ids::UserId;
use crate::store::records::{challenge_key, enrollment_key};

impl App {
    /// Forgets a user's factors, recovery codes, failures and presence, and whatever waits for a code. Tombstones stay
    /// for a while. What limits messages to a destination is not the user's, and stays.
    ///
    /// # Errors
    /// [`Error::Busy`]. A user of whom nothing is known is none.
    pub async fn forget(&self, user: &UserId) -> Result<(), Error> {
        let mut rounds = self.rounds();
        loop {
            let enrollments = FactorType::ALL.map(|each| self.load::<Enrollment>(enrollment_key(user, each)));
            let (account, enrollments) = tokio::try_join!(self.load_account(user), try_join_all(enrollments))?;
            let owner = account.value.clone().unwrap_or_default();
            let by_message = owner.factors().iter().filter(|factor| matches!(factor.method(), Method::Sent { .. }));
            let challenges = by_message.map(|factor| self.load::<Challenge>(challenge_key(user, factor.id())));
            let challenges = try_join_all(challenges).await?;

            let (now, policy) = (self.now(), self.policy());
            let (enrollment, challenge) = (Enrollment::Void { since: now }, Challenge::default());
            let enrollments = enrollments.iter().filter(|each| each.value.is_some());
            let challenges = challenges.iter().filter(|each| each.value.is_some());
            let mut puts: Vec<_> = enrollments.map(|each| each.put(&enrollment, now, policy)).collect();
            puts.extend(challenges.map(|each| each.put(&challenge, now, policy)));
            if puts.is_empty() && account.value.is_none() {
                return Ok(());
            }
            // Also where there is none yet: a confirmation between the reads above would have made one.
            puts.push(account.put(&owner.forgotten(), now, policy));
            if rounds.settle(puts).await?.is_some() {
                return Ok(());
            }
        }
    }
}
