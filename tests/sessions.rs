//! Hosted sessions: created by the back end, finished by a person on the page, redeemed by the back end (T46).

mod between;
mod first;
mod given;
mod offered;
mod purposes;
mod redeeming;
mod thief;
mod tokens;

/// Runs every test against its own store.
macro_rules! session_tests {
    ($store:ident, $fresh:path) => {
        crate::rig::suite! { sessions on $store from $fresh:
            between {
                a_session_goes_on_under_a_new_version_of_the_key_t46,
                no_answer_in_a_session_has_a_receipt_t46,
                a_session_shows_only_what_confirms_its_transaction_t34,
                a_challenge_confirms_only_what_its_message_shows_t34,
                an_enrollment_is_finished_where_it_was_allowed_t18,
                every_step_counts_exactly_once_after_a_lost_reply_t40,
                the_browser_that_passed_gets_a_new_code_for_a_lost_one_t40,
                of_many_browsers_at_once_one_owns_the_session_t46,
                a_forgotten_users_result_is_void_t20,
                a_clock_that_steps_back_prolongs_no_code_t46,
                a_redemption_and_an_end_at_once_agree_t46,
                a_return_url_names_no_session_and_no_code_t46,
                a_weak_check_opens_no_change_in_a_session_t18,
            }
            first {
                a_thief_of_the_password_enrolls_nothing_t52,
                an_enrollment_that_began_before_is_not_finished_t52,
                the_first_factor_needs_the_contacts_code_t52,
                a_code_is_of_one_session_and_is_guessed_five_times_t52,
                the_contact_hears_of_every_change_t52,
                notices_go_to_a_phone_in_its_language_and_have_a_limit_t52,
                a_first_factor_that_comes_and_goes_brings_no_new_notices_t52,
                a_clock_step_back_stops_no_change_for_longer_than_its_wait_t49,
                a_contact_gets_five_codes_an_hour_over_all_users_t30,
                a_notice_that_is_not_sent_undoes_no_change_t52,
                a_forgotten_user_begins_anew_t52,
                a_contact_must_be_one_that_messages_reach_t52,
                a_contact_is_confirmed_once_whoever_races_t52,
                every_step_of_a_contact_counts_once_after_a_lost_reply_t40,
            }
            offered {
                a_passkey_is_offered_after_the_check_and_the_result_is_the_check_t46,
                who_does_not_want_the_passkey_has_passed_all_the_same_t46,
                an_offer_lasts_no_longer_than_its_check_t18,
                nobody_is_offered_a_passkey_in_vain_t46,
                an_offer_is_for_checks_without_a_transaction_t46,
                whatever_races_in_an_offer_its_result_is_redeemed_once_t46,
                an_offer_gives_no_time_beyond_its_session_and_no_other_enrollment_t46,
            }
            purposes {
                a_check_is_passed_and_its_result_redeemed_t46,
                each_purpose_opens_what_it_needs_and_no_more_t46,
                a_check_of_another_level_does_not_finish_the_session_t46,
                one_factor_is_enrolled_after_a_check_t46,
                factors_are_managed_after_a_check_t46,
                a_transaction_of_the_session_is_confirmed_by_its_check_t34,
                the_first_factor_of_a_session_makes_mfa_t28,
                a_user_without_factors_has_no_session_for_a_check_t46,
            }
            redeeming {
                only_the_code_of_the_browser_that_passed_redeems_the_result_t46,
                a_result_is_redeemed_once_within_two_minutes_t46,
                a_lost_answer_to_a_redemption_is_given_again_with_the_same_receipt_t40,
                a_change_after_the_pass_voids_the_result_t46,
                of_two_redemptions_at_once_one_counts_t46,
                a_person_who_leaves_gets_no_code_t46,
                a_result_of_a_version_that_kept_no_browser_is_redeemed_t46,
            }
            tokens {
                a_session_belongs_to_the_first_browser_that_used_it_t46,
                a_token_ends_with_its_session_t46,
                another_actors_change_ends_the_session_t18,
                forgetting_the_user_ends_the_session_t20,
                a_forged_token_is_refused_before_the_table_is_asked_t46,
                a_token_of_one_kind_is_none_of_another_t41,
                a_return_url_must_be_one_of_the_operators_t46,
                two_hundred_answers_at_once_finish_the_session_once_t46,
            }
        }
    };
}

session_tests!(in_memory, crate::store::embedded::in_memory);
session_tests!(dynamodb_local, crate::store::dynamodb::fresh);
