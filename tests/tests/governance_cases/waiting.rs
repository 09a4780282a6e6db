//! Is every sample case of governance.md §9.4 either tested or on the list of those that wait?

use lakegate_tests::governance::{
    statements::{ALICE, CAROL},
    waiting::WAITING,
};

use crate::places::NAMES;

const ALL: [&str; 35] = [
    "A1", "A2", "A3", "A4", "B1", "B2", "B3", "B4", "B5", "C1", "C2", "C3", "C4", "C5", "C6", "C7", "D1", "D2", "D3",
    "D4", "E1", "E2", "E3", "E4", "F1", "F2", "F3", "F4", "G1", "G2", "H1", "H2", "I1", "I2", "I3",
];

/// Texts of the cases that are of no place, in which one is a test `a1_…`.
const OTHERS: [&str; 3] = [
    include_str!("case_f.rs"),
    include_str!("case_i.rs"),
    include_str!("chaos.rs"),
];

#[test]
fn every_case_is_tested_or_waits() {
    for case in ALL {
        let name = format!("{}_", case.to_lowercase());
        let test = format!("\nasync fn {name}");
        let tested = NAMES.iter().any(|case| case.starts_with(&name)) || OTHERS.iter().any(|text| text.contains(&test));
        let stated = ALICE.iter().chain(CAROL).any(|(id, _)| *id == case);
        let waits = WAITING.iter().any(|(id, _)| *id == case);
        assert!(tested || stated || waits, "{case} is neither tested nor waits");
    }
    for (case, why) in WAITING {
        assert!(ALL.contains(case) && !why.is_empty(), "{case}");
    }
}
