//! Which cases are there, and do they hold on every place? One test a place: its cases share two lakes.
//!
//! `LAKEGATE_CASE=b1` asks only the cases that begin so.

use std::{any::Any, panic::AssertUnwindSafe, time::Instant};

use futures::{FutureExt, future::LocalBoxFuture};
use lakegate_tests::{
    fixture::Place,
    governance::oracle::{self, Complaints},
    postgres,
};

use crate::{case_a, case_b, case_c, case_d, case_e, case_f, case_g, case_h, case_i, doors, stage::Stage, statements};

macro_rules! cases {
    ($($module:ident :: $case:ident),* $(,)?) => {
        /// Names of the cases, which begin with the id of the page.
        pub const NAMES: &[&str] = &[$(stringify!($case)),*];

        fn all(stage: &Stage) -> Vec<(&'static str, LocalBoxFuture<'_, Complaints>)> {
            vec![$((stringify!($case), $module::$case(stage).boxed_local())),*]
        }
    };
}

// What people asked is in their history: first comes what looks at it. Those that change the lake for a while stand at the end; what
// was logged is asked last.
cases![
    doors::d1_rest_leaves_out_what_is_hidden,
    statements::alice_keeps_every_promise,
    statements::carol_keeps_every_promise,
    case_a::a1_functions_see_governed_values_of_visible_rows,
    case_a::a1_functions_run_once_for_a_visible_row,
    case_a::a1_parameters_are_values,
    case_a::a4_nobody_sets_how_files_are_read,
    case_b::b1_a_hidden_column_is_a_misspelt_one,
    case_b::b2_a_masked_field_is_masked_on_each_route,
    case_b::b5_a_masked_column_keeps_its_type,
    case_c::c4_a_mapping_is_not_captured,
    case_c::c5_an_attribute_is_a_value,
    case_c::c6_no_attribute_opens_nothing,
    case_d::d1_lists_leave_out_what_is_hidden,
    case_d::d1_other_catalogs_do_not_exist,
    case_d::d2_columns_leave_out_what_is_hidden,
    case_d::d3_the_text_of_a_view_is_not_told,
    case_e::e1_nothing_is_written_elsewhere,
    case_e::e2_a_view_shows_what_its_reader_may_see,
    case_f::f3_a_service_sees_what_both_may_see,
    case_g::g1_statements_that_are_no_questions_are_refused,
    case_h::h1_limits_count_what_may_be_seen,
    case_h::h2_a_hash_lasts_as_long_as_it_says,
    doors::d4_the_door_shows_no_function_of_hidden_rows,
    doors::d4_every_format_shows_the_same,
    doors::d4_another_users_query_does_not_exist,
    doors::f3_no_header_names_a_user,
    doors::f3_a_service_at_the_door,
    case_c::c1_a_source_that_drifts_is_closed,
    case_c::c1_a_file_that_drifts_closes_the_table,
    case_e::e2_a_definer_who_may_not_lend,
    case_f::f1_revocation_ends_what_runs_and_closes_what_is_kept,
    case_i::i2_a_policy_that_errs_denies,
    case_i::i3_of_two_masks_the_lower_rank_applies,
    case_i::i3_a_broken_body_in_the_store_denies,
    doors::d4_metrics_and_the_log_hold_no_hidden_value,
];

async fn run(place: Place) {
    let began = Instant::now();
    let stage = Stage::open(place).await;
    println!("{place:?}: two lakes in {} ms", began.elapsed().as_millis());
    let wanted = std::env::var("LAKEGATE_CASE").unwrap_or_default();
    let mut complaints = Vec::new();
    for (name, case) in all(&stage).into_iter().filter(|(name, _)| name.starts_with(&wanted)) {
        let began = Instant::now();
        let found = AssertUnwindSafe(case).catch_unwind().await;
        let found = found.unwrap_or_else(|panic| vec![text(panic.as_ref())]);
        println!("{place:?} {name}: {} ms", began.elapsed().as_millis());
        complaints.extend(found.into_iter().map(|found| format!("{place:?} {name}: {found}")));
    }
    oracle::assert_none(&complaints);
}

/// What an assertion said.
fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic")
        .to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parquet() {
    run(Place::Parquet).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_groups() {
    run(Place::Groups).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions() {
    run(Place::Partitions).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn csv() {
    run(Place::Csv).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ndjson() {
    run(Place::Ndjson).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    run(Place::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    if postgres::is_there("the cases of the page") {
        run(Place::Postgres).await;
    }
}
