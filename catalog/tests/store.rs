//! Does the store keep what it promises? One list of cases, run against SQLite and against PostgreSQL.
//!
//! PostgreSQL runs when `LAKEGATE_TEST_POSTGRES_URL` names a server whose user may create databases; each case gets its own.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a case fails by panicking")]

#[path = "store/audit.rs"]
mod audit;
#[path = "store/changes.rs"]
mod changes;
#[path = "store/checkpoints.rs"]
mod checkpoints;
#[path = "store/epochs.rs"]
mod epochs;
#[path = "store/leases.rs"]
mod leases;
#[path = "store/make.rs"]
mod make;
#[path = "store/place.rs"]
mod place;
#[path = "store/queries.rs"]
mod queries;
#[path = "store/references.rs"]
mod references;
#[path = "store/schema.rs"]
mod schema;
#[path = "store/snapshots.rs"]
mod snapshots;

macro_rules! suite {
    ($($module:ident::$case:ident,)+) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::$module::$case(&super::place::Place::sqlite()).await;
            })+
        }

        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                if let Some(place) = super::place::Place::postgres(stringify!($case)).await {
                    super::$module::$case(&place).await;
                    place.remove().await;
                }
            })+
        }
    };
}

suite! {
    audit::a_chain_holds_over_commits_queries_and_boots,
    audit::a_failed_write_does_not_break_the_chain,
    audit::appends_at_once_all_arrive,
    audit::lists_are_filtered_and_newest_first,
    audit::verify_finds_an_edited_byte,
    audit::verify_finds_a_removed_record,
    audit::verify_finds_a_torn_tail,
    audit::verify_finds_swapped_records,
    changes::a_failing_put_leaves_nothing,
    changes::a_stale_epoch_is_refused,
    changes::a_stale_version_is_refused,
    changes::an_epoch_is_seen_as_it_was,
    changes::deletes_come_first_and_names_are_free_again,
    changes::every_version_stays_in_the_history,
    changes::names_are_unique_without_regard_to_case,
    changes::nothing_to_change_leaves_the_epoch,
    changes::one_object_is_named_once,
    changes::one_store_serves_many_writers,
    changes::retired_tables_give_up_their_name,
    checkpoints::a_checkpoint_is_made_by_one_of_many,
    checkpoints::a_checkpoint_that_is_gone_shows,
    checkpoints::a_forged_checkpoint_shows,
    checkpoints::a_loss_is_accepted_and_told_for_ever,
    checkpoints::a_new_key_is_signed_by_the_old_one,
    checkpoints::a_removed_chain_shows,
    checkpoints::a_removed_tail_shows_where_it_was_signed,
    checkpoints::a_rewritten_chain_shows,
    checkpoints::another_key_does_not_sign,
    checkpoints::checkpoints_sign_what_moved,
    checkpoints::copies_show_what_the_store_has_lost,
    checkpoints::keys_of_somebody_else_show_to_whoever_knows_ours,
    checkpoints::what_does_not_hold_is_signed_as_such,
    epochs::a_change_binds_the_next_statement_of_its_process,
    epochs::a_change_of_another_process_is_told,
    epochs::a_change_that_may_have_happened_leaves_nothing_confirmed,
    epochs::a_confirmation_holds_for_less_than_a_second,
    epochs::a_new_epoch_is_current_when_its_follower_says_so,
    leases::a_lease_is_kept_until_it_lapses,
    leases::a_node_with_a_lease_is_not_lost,
    queries::a_key_is_answered_once,
    queries::a_key_is_stored_with_its_effect,
    queries::a_query_ends_once,
    queries::a_query_lives_from_queue_to_end,
    queries::a_query_that_has_ended_does_not_start,
    queries::lists_are_paged_newest_first,
    queries::lost_queries_fail_and_cost_nothing,
    queries::usage_is_summed,
    references::a_child_stops_a_delete,
    references::a_dropped_column_takes_its_masks_and_grants,
    references::a_table_takes_what_belongs_to_it,
    references::a_wrong_body_is_refused,
    references::missing_references_are_refused,
    references::roles_and_users_in_use_stay,
    schema::a_changed_migration_is_refused,
    schema::a_newer_schema_is_refused,
    schema::an_empty_store_needs_a_migration,
    schema::migrating_twice_changes_nothing,
    schema::settings_are_set_once,
    snapshots::a_snapshot_is_read_once_per_epoch,
    snapshots::entities_are_named_and_resolved,
    snapshots::look_ups_find_what_is_stored,
    snapshots::partitions_are_read_per_table,
    snapshots::tags_of_the_nearest_win,
}
