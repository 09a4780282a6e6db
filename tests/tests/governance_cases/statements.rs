//! Do the statements of alice and carol keep O1, O2, O3 and O6? (governance.md P3; cases A, B, C)

use lakegate_tests::governance::{
    oracle::{self, Complaints, Recorded},
    seen::{Look, Seen, is_question},
    statements::{ALICE, CAROL},
};

use crate::stage::Stage;

pub async fn alice_keeps_every_promise(stage: &Stage) -> Complaints {
    let mut complaints = Vec::new();
    for (case, sql) in stage.share(ALICE.iter(), 3) {
        let one = Seen::of(&stage.one, "alice", sql, Look::AnswerAndPlan).await;
        let other = Seen::of(&stage.other, "alice", sql, Look::AnswerAndPlan).await;
        let mut found = oracle::indistinguishable(sql, &one, &other);
        found.extend(oracle::no_canary(&stage.one, sql, &one));
        if !sql.starts_with("SHOW") {
            found.extend(oracle::diff(&stage.one, &one, sql, "alice_copy").await);
        }
        if is_question(sql) {
            let expected = Recorded::alice(".orders");
            found.extend(oracle::audited(&stage.one, sql, &one, expected).await);
        }
        complaints.extend(found.into_iter().map(|text| format!("{case} {text}")));
    }
    complaints
}

pub async fn carol_keeps_every_promise(stage: &Stage) -> Complaints {
    let mut complaints = Vec::new();
    for (case, sql) in CAROL {
        let seen = Seen::of(&stage.one, "carol", sql, Look::AnswerAndPlan).await;
        let mut found = oracle::diff(&stage.one, &seen, sql, "carol_copy").await;
        // Row 900001 is hers.
        found.extend(oracle::canary(&stage.one, sql, &[&seen.text()], &["CANARY", "31337"]));
        let expected = Recorded {
            user: "carol",
            resource: ".orders",
            decision: "allow",
            filters: [2, 1],
            masks: &[],
            hidden: &[
                "tenant",
                "customer",
                "ssn",
                "email",
                "qty",
                "code",
                "note",
                "legal_hold",
                "ts",
            ],
        };
        found.extend(oracle::audited(&stage.one, sql, &seen, expected).await);
        complaints.extend(found.into_iter().map(|text| format!("{case} {text}")));
    }
    complaints
}
