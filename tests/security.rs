//! Security requirements, tested on every store: a test for each requirement, named after its number, and tests for
//! failures that were seen in other services.
//!
//! A new store needs one line below, and a function that returns a fresh, empty store with the values that must outlive
//! it, or `None` if the store is not available.

mod alike;
mod back_end;
mod codes;
mod given;
mod labels;
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
mod unreadable;

/// Runs every test against its own store. Tests are functions over `Arc<dyn Store>`.
macro_rules! security_tests {
    ($store:ident, $fresh:path) => {
        crate::rig::suite! { security on $store from $fresh:
            codes {
                t01_a_secret_is_160_bits_of_the_systems_generator_and_never_the_same,
                t02_a_code_keeps_its_leading_zeros,
                t02_a_sent_code_keeps_its_leading_zeros,
                t02_a_number_is_no_code_in_any_dialect,
                t02_a_setting_cant_make_codes_shorter,
                t02_codes_are_those_of_rfc_6238,
                t03_a_used_code_is_remembered_for_as_long_as_it_would_pass,
                t04_a_step_before_the_last_one_used_is_refused,
                t04_the_step_that_enrolled_an_app_is_spent,
                t05_one_step_either_way_passes_and_two_do_not,
                t05_a_clients_time_is_ignored,
                t11_a_resend_voids_the_code_before_it,
                t11_a_new_enrollment_voids_the_code_before_it,
                t12_a_code_is_for_its_own_user,
                t12_a_code_is_for_its_own_factor,
                t12_a_code_is_for_its_own_purpose,
            }
            sessions {
                t20_a_recent_check_ends_with_the_factor_that_passed_it,
                t16_a_recent_check_ends_with_the_recovery_codes_that_passed_it,
                t18_an_enrollment_is_finished_by_the_session_that_was_present,
                t08_confirming_another_destination_does_not_bring_new_tries,
                t18_who_is_not_present_voids_nobodys_enrollment,
                t03_a_right_code_is_spent_whatever_else_is_refused,
                t34_a_transaction_is_refused_rather_than_ignored,
            }
            races {
                t03_an_apps_code_passes_once_whoever_races,
                t03_a_code_passes_once_whatever_it_is_used_for,
                t03_a_sent_code_passes_once_whoever_races,
                t03_a_recovery_code_passes_once_whoever_races,
                t03_an_enrollment_is_confirmed_once_whoever_races,
                t07_parallel_guesses_at_an_app_are_all_counted,
                t07_parallel_guesses_at_a_sent_code_are_all_counted,
                t07_parallel_guesses_at_an_enrollment_are_all_counted,
                t09_a_flood_on_one_factor_neither_locks_nor_starves_another,
                t18_of_two_enrollments_begun_on_an_empty_account_one_is_finished,
                t20_a_check_in_flight_does_not_bring_a_removed_factor_back,
                t30_a_destination_is_sent_to_five_times_however_many_ask,
                t30_a_user_sends_to_a_destination_once_however_many_sessions_ask,
                t30_a_factor_is_challenged_once_however_many_ask,
                nothing_is_lost_when_everything_happens_at_once,
            }
            labels {
                t51_a_label_has_no_character_that_nobody_sees_or_that_turns_the_text,
            }
            limits {
                t07_five_are_free_then_delays_double_and_a_hundred_lock,
                t07_a_right_code_is_refused_unspent_while_a_delay_runs,
                t07_success_resets_the_count,
                t07_another_factor_and_another_user_still_work,
                t07_the_count_survives_new_challenges,
                t07_every_door_counts_the_same,
                t07_of_500_guesses_in_four_seconds_six_are_looked_at,
                t08_a_new_challenge_does_not_reset_the_count,
                t08_a_new_enrollment_does_not_reset_the_count,
                t08_another_dialect_does_not_reset_the_count,
                t29_a_challenge_has_five_tries,
                t29_five_codes_are_sent_in_ten_minutes_however_they_are_asked_for,
            }
            tokens {
                t10_a_sent_code_expires_while_its_item_is_still_there,
                t10_an_enrollment_expires_at_every_door,
                t10_a_setting_cant_make_a_code_live_longer,
                t33_a_token_works_once,
                t33_a_token_is_for_its_own_user,
                t33_a_token_is_for_its_own_dialect_and_type,
                t41_an_id_of_one_purpose_or_dialect_is_none_of_another,
                t41_a_verified_but_unbound_secret_is_no_recent_check,
                t41_the_step_that_verified_a_secret_is_spent_when_it_is_bound,
            }
            recent_check {
                t18_adding_a_factor_needs_a_recent_check_in_every_dialect,
                t18_a_recent_check_is_of_one_session_of_one_user,
                t18_a_recent_check_ends,
                t18_a_code_stands_in_for_a_recent_check_once,
                t18_what_was_begun_on_an_empty_account_cant_be_finished_on_a_full_one,
                t18_what_was_begun_before_a_removal_cant_be_finished_after_it,
                t19_removing_a_factor_needs_a_recent_check_or_its_code,
                t19_other_changes_need_a_recent_check_too,
                t20_a_removed_factor_stops_at_once_with_its_challenges,
            }
            revocation {
                t18_no_other_session_finishes_what_it_began_before_a_change,
                t18_a_leaked_recovery_code_is_worth_nothing_after_new_ones,
                t18_the_session_that_changes_something_goes_on,
                t18_a_thief_voids_no_enrollment_that_its_owner_may_finish,
            }
            recovery {
                t15_a_recovery_code_is_used_once,
                t16_recovery_codes_have_at_least_64_bits,
                t16_a_new_set_voids_the_old,
                t16_the_code_shown_before_the_confirmation_lives_from_it_on,
                t17_a_flood_of_guesses_never_keeps_the_owners_recovery_code_out,
                t17_a_guess_a_minute_never_keeps_the_owners_recovery_code_out,
                t17_guesses_at_recovery_codes_do_not_delay_an_app,
            }
            sends {
                t30_a_destination_is_sent_to_once_a_minute_however_it_is_written,
                t30_spellings_of_a_gmail_mailbox_are_one_destination_and_several_addresses,
                t30_a_destination_gets_five_messages_an_hour_and_ten_a_day_over_all_users,
                t30_answering_every_challenge_does_not_renew_the_budget,
                t30_every_factor_has_a_budget_of_its_own,
                t30_a_stranger_who_sends_every_minute_does_not_delay_the_victims_first_try,
                t30_a_strangers_messages_do_not_block_the_owners_challenge,
                t30_a_country_that_is_not_allowed_is_not_sent_to,
                t30_a_number_of_no_country_is_never_sent_to,
                t35_a_refused_message_burns_nothing_of_the_budgets,
                t35_a_refused_message_leaves_nothing_behind,
                t35_a_refused_message_leaves_what_was_there_before,
                t35_a_refused_challenge_costs_nothing,
                t35_an_unknown_outcome_keeps_its_charge,
                t35_a_request_killed_while_it_sends_keeps_its_charge,
            }
            secrets {
                t15_t22_nothing_that_was_ever_stored_tells_a_secret,
                t22_a_ciphertext_opens_for_its_own_user_alone,
                t22_a_digest_is_of_its_own_user_alone,
            }
            unreadable {
                t22_an_unreadable_factor_is_listed_and_its_account_goes_on,
                t22_whose_only_factor_is_unreadable_still_has_one,
            }
            time {
                t49_a_step_back_lengthens_no_delay_of_an_app,
                t49_a_step_back_takes_no_free_try,
                t49_a_code_passes_once_whichever_way_the_clock_steps,
                t49_a_step_back_lengthens_no_wait_for_a_message,
                t49_a_jump_and_back_earns_no_message_more,
                t49_a_step_back_lengthens_no_wait_for_new_tries,
                t49_a_step_back_keeps_nothing_alive,
                t49_a_clock_that_swings_frees_nothing,
                t49_what_a_step_back_ended_stays_ended,
            }
            alike {
                t21_what_is_anothers_is_as_unknown_as_what_never_was,
                t21_a_known_user_learns_no_more_than_an_unknown_one,
                t21_a_number_that_is_taken_looks_like_one_that_is_free,
            }
            back_end {
                t18_what_the_back_end_passes_is_no_sessions_recent_check,
                t18_a_change_by_the_back_end_ends_the_recent_check_of_every_session,
                t18_what_was_begun_before_the_back_end_enrolled_needs_a_recent_check,
                t19_a_reset_by_the_back_end_does_not_touch_other_users,
                t20_nothing_of_a_forgotten_user_stays_but_tombstones,
                t20_a_user_is_forgotten_whole_whoever_races,
                t20_a_first_enrollment_in_flight_does_not_outlive_its_user,
                t20_an_enrollment_confirmed_between_two_reads_does_not_outlive_its_user,
                t20_what_is_begun_in_flight_does_not_outlive_its_user,
                t41_what_one_kind_of_caller_begins_the_other_cant_finish,
            }
            lost {
                t40_a_right_code_passes_once_and_is_told_so_when_the_answer_is_lost,
                t40_an_enrollment_is_finished_once_and_told_so_when_the_answer_is_lost,
                t40_a_wrong_code_is_counted_once_when_the_answer_is_lost,
                t40_a_factor_is_removed_and_told_so_when_the_answer_is_lost,
            }
        }
    };
}

security_tests!(in_memory, crate::store::embedded::in_memory);
security_tests!(dynamodb_local, crate::store::dynamodb::fresh);
