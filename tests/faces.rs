//! Faces: enrolled with consent beside another factor, compared by a judge, never a check of their own (T26, T36, T45).

mod attacks;
mod checks;
mod costs;
mod genauth;
mod given;
mod kept;

/// Runs every test against its own store.
macro_rules! face_tests {
    ($store:ident, $fresh:path) => {
        crate::rig::suite! { faces on $store from $fresh:
            attacks {
                only_a_check_of_this_session_and_epoch_takes_a_face_t26,
                a_refusal_after_midnight_frees_nothing_of_the_new_day_t45,
                a_clock_that_steps_back_over_midnight_frees_nothing_t49,
                a_clock_that_was_ahead_keeps_no_photo_longer_t49,
                an_enrollment_asks_the_judge_for_five_wrong_photos_t45,
                a_failure_is_taken_back_once_after_a_lost_reply_t40,
                faces_that_were_switched_off_are_listed_and_removed_t45,
                a_photo_of_any_json_type_is_refused_in_every_dialect_t37,
                a_body_of_many_values_is_refused_on_routes_of_photos_t37,
                faces_of_eight_users_at_once_are_not_busy_t45,
            }
            checks {
                a_face_adds_to_a_check_and_is_never_one_t26,
                a_face_gives_no_recent_check_t45,
                a_face_finishes_no_session_t45,
                the_back_end_has_no_session_to_add_a_face_to_t45,
                another_face_is_refused_after_five_failures_in_a_row_t45,
                five_photos_at_once_are_judged_and_no_sixth_t45,
                a_photo_stands_beside_nothing_else_t45,
                a_face_is_off_unless_the_operator_wants_it_t45,
            }
            costs {
                a_try_counts_from_before_the_judge_is_asked_t45,
                what_the_judge_did_not_judge_is_no_failure_t45,
                a_conflict_asks_the_judge_once_t45,
                a_fault_costs_one_try_at_most_and_nothing_is_half_done_t45,
                a_user_has_twenty_comparisons_a_day_t45,
                a_day_has_a_ceiling_in_dollars_t45,
                what_is_refused_before_costs_nothing_t45,
            }
            genauth {
                a_face_is_enrolled_and_reset_t45,
                a_link_is_fetched_from_the_operators_hosts_alone_t36,
                its_errors_have_the_documented_codes_t45,
            }
            kept {
                consent_comes_first_and_is_kept_with_its_time_t45,
                a_face_is_never_the_only_factor_t45,
                the_reference_is_sealed_and_goes_with_its_factor_t45,
                the_reference_goes_with_its_user_t20,
                a_reference_without_use_is_over_t45,
                a_reference_is_sealed_again_under_a_new_key_t45,
                no_photo_reaches_the_table_or_an_answer_t45,
            }
        }
    };
}

face_tests!(in_memory, crate::store::embedded::in_memory);
face_tests!(dynamodb_local, crate::store::dynamodb::fresh);
