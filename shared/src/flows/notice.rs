//! Notices: the contact of record hears of every change of the account's factors.

use super::engine::{Cx, Name, Outgoing, Work};
use crate::delivery::Language;
use crate::delivery::notices::Notice;
use crate::domain::error::Error;

/// Notes that the contact of record hears of a change that was just made, and returns the message. It is sent after the
/// commit. A change beyond the limits of notices is refused: nobody can use them up and then make a change unnoticed.
///
/// # Errors
/// [`Error::TooManyMessages`].
pub(super) fn of_change(work: &mut Work, cx: &Cx<'_>, notice: Notice) -> Result<Option<Outgoing>, Error> {
    work.rewind(&Name::Account, cx.now);
    let Some(contact) = work.account_mut()?.contact_mut() else { return Ok(None) };
    // The operator has switched the channel off.
    if !cx.channels.contains(&contact.method.channel) {
        return Ok(None);
    }
    contact.notices = contact.notices.charge_notice(cx.now, cx.policy())?;
    let (to, language) = (contact.open(cx.vault)?, Language::pick(Some(&contact.language), None));
    let message = cx.settings.wording.notice(&to, notice, language);
    Ok(Some(Outgoing::Notice(message.ok_or(Error::Internal("a notice does not fit one SMS"))?)))
}
