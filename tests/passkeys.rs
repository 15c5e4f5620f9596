//! Passkeys: registrations and assertions are verified as WebAuthn Level 3 says (T43).

mod assertions;
mod flips;
pub(crate) mod flows;
mod given;
mod judges;
mod options;
mod recorded;
mod registrations;
mod responses;
mod vectors;

/// Runs every test of the routes against its own store.
macro_rules! passkey_tests {
    ($store:ident, $fresh:path) => {
        crate::rig::suite! { passkeys on $store from $fresh:
            flows {
                a_passkey_is_enrolled_and_passes_checks_t43,
                what_is_not_verified_is_not_claimed_t28,
                a_level_can_be_asked_for_and_is_kept_by_the_recent_check_t34,
                an_answer_passes_once_and_for_its_challenge_alone_t03_t12,
                a_wrong_registration_becomes_no_factor_t43,
                a_copied_or_changed_authenticator_is_refused_t43,
                several_passkeys_have_one_handle_that_is_not_the_user_t44,
                a_removed_passkey_and_a_change_end_what_was_open_t18_t20,
                a_passkey_signs_its_transaction_t34,
                a_session_offers_passkeys_and_its_transaction_is_signed_t46,
                without_a_relying_party_there_are_no_passkeys,
                passkeys_are_no_factor_of_the_other_dialects,
                an_account_keeps_public_parts_alone_t22,
                every_step_counts_once_after_a_lost_reply_t40,
            }
        }
    };
}

passkey_tests!(in_memory, crate::store::embedded::in_memory);
passkey_tests!(dynamodb_local, crate::store::dynamodb::fresh);
