//! Does governance hold? The oracles of governance.md §9.1 over the fixture of §9.3, case by case (§9.4), on every source.
//!
//! A case that has no surface yet stands in `lakegate_tests::governance::waiting`.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod places;
mod stage;
mod statements;

mod case_a;
mod case_b;
mod case_c;
mod case_d;
mod case_e;
mod case_f;
mod case_g;
mod case_h;
mod case_i;
mod doors;

mod oracles;
mod waiting;

mod chaos;
mod fuzz;
