//! Security requirements, tested on every store. The name of a test ends in the number of its requirement in
//! `docs/security.md`. Other tests are of failures that were seen in other services.
//!
//! A new store needs one line below, and a function that returns a fresh, empty store with the values that must outlive
//! it, or `None` if the store is not available.

mod alike;
mod back_end;
mod codes;
mod given;
mod labels;
mod levels;
mod limits;
mod lost;
mod races;
mod recent_check;
mod recovery;
mod revocation;
mod secrets;
mod sends;
mod sessions;
mod time;
mod tokens;
mod transactions;
mod unreadable;

/// Runs every test against its own store. Tests are functions over `Arc<dyn Store>`.
macro_rules! security_tests {
    ($store:ident, $fresh:path) => {
        crate::rig::suite! { security on $store from $fresh:
            codes {
                totp_secrets_are_160_random_bits_and_never_repeat_t01,
                a_totp_code_keeps_its_leading_zeros_t02,
                a_passcode_keeps_its_leading_zeros_t02,
                a_json_number_is_not_accepted_as_a_code_in_any_dialect_t02,
                a_setting_cannot_make_codes_shorter_than_six_digits_t02,
                totp_codes_match_the_vectors_of_rfc_6238_t02,
                a_used_totp_code_is_remembered_for_its_whole_window_t03,
                a_totp_code_older_than_the_last_used_one_is_refused_t04,
                the_totp_code_that_confirmed_an_app_is_spent_t04,
                a_totp_code_passes_one_time_step_off_but_not_two_t05,
                a_timestamp_from_the_client_is_ignored_t05,
                a_new_challenge_voids_the_earlier_passcode_t11,
                a_new_enrollment_voids_the_earlier_token_and_code_t11,
                a_code_passes_only_for_its_own_user_t12,
                a_code_passes_only_for_its_own_factor_t12,
                a_code_passes_only_for_its_own_purpose_t12,
            }
            sessions {
                a_recent_check_ends_when_its_factor_is_removed_t20,
                new_recovery_codes_end_a_recent_check_made_with_an_old_one_t16,
                another_session_without_a_check_cannot_confirm_an_enrollment_t18,
                confirming_another_destination_does_not_reset_the_tries_t08,
                a_session_without_a_recent_check_cannot_void_an_enrollment_t18,
                a_right_code_is_spent_even_if_the_request_is_refused_t03,
            }
            transactions {
                a_transaction_is_shown_whole_and_confirmed_once_t34,
                another_transaction_is_refused_and_counted_t34,
                a_code_for_a_check_confirms_no_transaction_and_the_reverse_t34,
                an_app_or_a_recovery_code_confirms_no_transaction_t34,
                a_transaction_that_cannot_be_shown_whole_is_refused_t34,
                a_transaction_is_shown_in_the_language_of_the_request_or_refused_t34,
            }
            levels {
                a_check_by_email_changes_no_account_with_a_second_factor_t13,
                a_check_by_email_changes_an_account_without_a_second_factor_t13,
                binding_a_second_factor_keeps_the_stronger_check_of_its_session_t13,
                a_grant_of_another_release_counts_for_nothing_t13,
                an_enrollment_begun_after_a_check_by_email_ends_with_a_second_factor_t13,
                a_demand_is_met_by_a_young_check_of_this_session_and_of_a_level_alone_t13,
                a_user_cannot_state_the_first_factor_t28,
            }
            races {
                a_totp_code_passes_once_under_concurrent_requests_t03,
                a_totp_code_passes_once_over_concurrent_different_operations_t03,
                a_passcode_passes_once_under_concurrent_requests_t03,
                a_recovery_code_passes_once_under_concurrent_requests_t03,
                an_enrollment_is_confirmed_once_under_concurrent_requests_t03,
                parallel_guesses_at_an_app_are_all_counted_t07,
                parallel_guesses_at_a_passcode_are_all_counted_t07,
                parallel_guesses_at_an_enrollment_are_all_counted_t07,
                a_flood_on_one_factor_neither_locks_nor_starves_another_t09,
                only_one_of_two_concurrent_first_enrollments_is_confirmed_t18,
                a_concurrent_check_does_not_bring_a_removed_factor_back_t20,
                a_destination_gets_five_messages_under_concurrent_requests_t30,
                a_user_sends_to_a_destination_once_under_concurrent_requests_t30,
                a_factor_is_challenged_once_under_concurrent_requests_t30,
                answers_to_64_concurrent_requests_match_the_final_account,
            }
            labels {
                a_label_with_invisible_or_bidi_characters_is_refused_t51,
            }
            limits {
                five_wrong_codes_are_free_then_delays_double_and_a_hundred_lock_t07,
                a_right_code_is_refused_but_not_spent_during_a_delay_t07,
                a_right_code_resets_the_count_of_wrong_codes_t07,
                a_delayed_factor_delays_no_other_factor_and_no_other_user_t07,
                the_count_of_wrong_codes_survives_new_challenges_t07,
                every_route_that_takes_a_code_shares_one_count_of_wrong_codes_t07,
                six_of_500_guesses_in_four_seconds_are_compared_t07,
                a_new_challenge_does_not_reset_the_count_of_tries_t08,
                a_new_enrollment_does_not_reset_the_count_of_tries_t08,
                another_dialect_does_not_reset_the_count_of_tries_t08,
                a_challenge_has_five_tries_t29,
                a_factor_is_sent_at_most_five_codes_in_ten_minutes_t29,
            }
            tokens {
                a_passcode_expires_while_its_item_still_exists_t10,
                an_enrollment_expires_on_every_route_that_finishes_one_t10,
                a_setting_cannot_extend_a_codes_life_beyond_ten_minutes_t10,
                an_enrollment_token_works_once_t33,
                an_enrollment_token_works_only_for_its_own_user_t33,
                an_enrollment_token_works_only_in_its_own_dialect_and_type_t33,
                an_id_is_unknown_outside_its_own_purpose_and_dialect_t41,
                a_verified_but_unbound_secret_gives_no_recent_check_t41,
                the_totp_code_that_verified_a_secret_is_spent_after_binding_t41,
            }
            recent_check {
                adding_a_factor_needs_a_recent_check_in_every_dialect_t18,
                a_recent_check_counts_only_for_its_own_session_and_user_t18,
                a_recent_check_expires_after_ten_minutes_t18,
                a_code_in_the_request_replaces_a_recent_check_once_t18,
                an_enrollment_from_before_the_first_factor_needs_a_recent_check_t18,
                an_enrollment_from_before_a_removal_cannot_be_confirmed_t18,
                removing_a_factor_needs_a_recent_check_or_its_own_code_t19,
                renaming_disabling_and_new_recovery_codes_need_a_recent_check_or_code_t19,
                a_removed_factor_and_its_challenges_stop_at_once_t20,
            }
            revocation {
                a_change_ends_the_enrollments_that_other_sessions_began_t18,
                new_recovery_codes_end_an_enrollment_begun_with_a_leaked_one_t18,
                the_session_that_makes_a_change_may_finish_its_own_enrollment_t18,
                an_enrollment_survives_its_owners_changes_and_a_thiefs_attempts_t18,
            }
            recovery {
                a_recovery_code_passes_once_in_any_spelling_t15,
                recovery_codes_have_at_least_64_random_bits_t16,
                a_new_set_of_recovery_codes_voids_the_old_one_t16,
                a_genauth_recovery_code_is_valid_only_after_its_confirmation_t16,
                a_flood_of_guesses_never_blocks_the_owners_recovery_code_t17,
                a_guess_a_minute_never_blocks_the_owners_recovery_code_t17,
                guesses_at_recovery_codes_and_at_an_app_do_not_delay_each_other_t17,
            }
            sends {
                a_user_sends_to_a_destination_once_a_minute_in_any_spelling_t30,
                spellings_of_one_gmail_mailbox_share_its_message_limits_t30,
                a_destination_gets_five_messages_an_hour_and_ten_a_day_over_all_users_t30,
                answering_challenges_does_not_renew_the_message_budget_t30,
                every_factor_has_its_own_message_budget_t30,
                a_strangers_messages_do_not_delay_the_victims_first_enrollment_t30,
                a_strangers_messages_do_not_block_the_owners_challenge_t30,
                a_number_in_a_country_that_is_not_allowed_is_refused_t30,
                a_number_of_no_country_is_always_refused_t30,
                a_refused_message_uses_up_no_budget_t35,
                a_refused_enrollment_message_can_be_requested_again_at_once_t35,
                a_refused_message_keeps_the_earlier_enrollment_and_its_tries_t35,
                a_refused_challenge_message_keeps_the_open_challenge_t35,
                a_message_with_unknown_outcome_keeps_its_charge_t35,
                a_request_killed_while_sending_keeps_its_charge_t35,
            }
            secrets {
                no_stored_item_ever_contains_a_plain_secret_t15_t22,
                a_sealed_secret_opens_only_for_its_own_user_and_factor_t22,
                a_digest_matches_only_for_its_own_user_t22,
                a_stored_challenge_neither_tells_nor_changes_its_transaction_t22_t34,
            }
            unreadable {
                an_unreadable_factor_is_listed_and_the_others_work_t22,
                a_user_whose_only_factor_is_unreadable_is_not_without_factors_t22,
            }
            time {
                a_clock_step_back_does_not_lengthen_an_apps_delay_t49,
                a_clock_step_back_takes_away_no_free_try_t49,
                a_used_totp_code_stays_spent_whichever_way_the_clock_steps_t49,
                a_clock_step_back_does_not_lengthen_the_wait_for_a_message_t49,
                a_clock_step_forth_and_back_allows_no_extra_message_t49,
                a_clock_step_back_does_not_lengthen_the_wait_for_new_tries_t49,
                a_long_clock_step_back_ends_checks_enrollments_and_challenges_t49,
                a_swinging_clock_allows_no_extra_tries_or_messages_t49,
                checks_and_codes_ended_by_a_clock_step_back_stay_ended_t49,
            }
            alike {
                another_users_ids_are_answered_like_unknown_ids_t21,
                users_with_and_without_factors_get_the_same_answers_about_others_t21,
                a_destination_enrolled_by_another_user_looks_like_a_free_one_t21,
            }
            back_end {
                enrollments_and_checks_by_the_back_end_give_no_session_a_recent_check_t18,
                a_change_by_the_back_end_ends_every_sessions_recent_check_t18,
                an_enrollment_from_before_one_by_the_back_end_needs_a_recent_check_t18,
                a_reset_by_the_back_end_does_not_touch_other_users_t19,
                a_forgotten_user_leaves_only_tombstones_and_destination_limits_t20,
                a_user_is_forgotten_completely_under_concurrent_requests_t20,
                a_concurrent_first_enrollment_does_not_survive_forgetting_the_user_t20,
                an_enrollment_confirmed_while_its_user_is_forgotten_does_not_survive_t20,
                a_request_in_flight_is_decided_again_after_its_user_is_forgotten_t20,
                users_and_the_back_end_cannot_finish_each_others_flows_t41,
            }
            lost {
                a_right_code_passes_exactly_once_after_a_lost_reply_t40,
                an_enrollment_is_confirmed_exactly_once_after_a_lost_reply_t40,
                a_wrong_code_is_counted_exactly_once_after_a_lost_reply_t40,
                factor_changes_are_answered_as_successful_after_a_lost_reply_t40,
            }
        }
    };
}

security_tests!(in_memory, crate::store::embedded::in_memory);
security_tests!(dynamodb_local, crate::store::dynamodb::fresh);
