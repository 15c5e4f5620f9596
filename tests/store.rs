//! The conformance suite of every store, and the tests of the embedded one.
//!
//! A store joins with one line below and a function. The function returns a fresh, empty store with everything that
//! must outlive it, or `None` where the store is missing.

mod conditions;
mod content;
pub(crate) mod dynamodb;
pub(crate) mod embedded;
mod given;
mod lost_replies;
mod model;
mod races;

/// Runs every check against its own store. A check is a function over `Arc<dyn Store>`.
macro_rules! conformance {
    ($store:ident, $fresh:path) => {
        crate::rig::suite! { store on $store from $fresh:
            conditions {
                an_absent_key_reads_as_nothing,
                a_put_over_nothing_is_read_back,
                a_put_over_nothing_conflicts_with_an_item,
                a_put_over_the_version_that_was_read_replaces_the_item,
                a_put_over_another_version_conflicts,
                a_put_over_a_version_of_an_absent_item_conflicts,
                a_put_over_a_replaced_version_conflicts,
                one_conflict_among_many_puts_undoes_them_all,
                a_commit_of_a_hundred_puts_is_applied,
                every_item_of_a_commit_has_its_version,
                an_empty_commit_is_rejected,
                a_key_twice_in_a_commit_is_rejected,
                more_than_a_hundred_puts_are_rejected,
                an_item_over_400_kilobytes_is_rejected,
                a_commit_over_four_megabytes_is_rejected,
            }
            content {
                every_kind_of_value_is_read_back_unchanged,
                an_item_of_almost_400_kilobytes_is_read_back_unchanged,
                an_attribute_may_have_the_name_of_one_that_the_store_adds,
                the_content_is_replaced_and_not_merged,
                a_put_without_a_time_to_live_clears_the_one_before,
                an_expired_item_that_still_exists_is_read,
                an_expired_item_that_still_exists_conflicts_with_a_creation,
                a_commit_is_seen_by_every_other_task_at_once,
            }
            lost_replies {
                a_repeated_commit_succeeds_while_its_version_is_still_kept_t40,
                a_repeated_commit_conflicts_once_its_version_is_no_longer_kept_t40,
                a_repeated_replacement_succeeds_while_its_version_is_still_kept_t40,
                a_repeated_commit_succeeds_if_any_item_still_shows_its_version_t40,
                the_same_puts_under_another_version_conflict_t40,
                a_refused_commit_is_refused_again_when_repeated_t40,
                a_commit_repeated_concurrently_is_applied_once_t40,
                a_spent_item_stays_readable,
                a_repeated_commit_succeeds_over_a_spent_item_t40,
            }
            races {
                one_of_64_creations_wins,
                one_of_64_replacements_wins,
                one_of_64_commits_that_share_a_key_wins_whole,
                no_increment_is_lost,
            }
            model {
                any_history_goes_as_in_the_model,
            }
        }
    };
}

conformance!(in_memory, crate::store::embedded::in_memory);
conformance!(in_a_file, crate::store::embedded::in_a_file);
conformance!(dynamodb_local, crate::store::dynamodb::fresh);
