//! Is a governed answer that of the same question over a physically filtered and masked copy? Random lakes, policies, questions.
//!
//! The copy is made row by row by an interpreter of governance.md §3 and §4.1 that shares no code with the compiler, and is asked
//! by plain DataFusion over memory: with its optimizer, and for some questions without. Everything follows from a seed.

pub(crate) mod cell;
pub(crate) mod condition;
pub(crate) mod data;
mod exact;
mod oracle;
pub(crate) mod policy;
pub(crate) mod question;

use std::fmt::Write as _;

use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::world::World;
use data::Table;
use oracle::Oracle;
use policy::Policy;

/// Questions of one lake.
const QUESTIONS: u64 = 10;

/// Runs this many questions; panics with everything that is needed to repeat the first difference.
pub async fn run(seed: u64, cases: u64) {
    let (mut failed, mut empty) = (0, 0);
    for number in 0..cases.div_ceil(QUESTIONS) {
        let questions = QUESTIONS.min(cases - number * QUESTIONS);
        let (fails, empties) = Lake::new(seed, number).await.ask(questions).await;
        failed += fails;
        empty += empties;
    }
    println!("fuzz-sql: seed {seed}, {cases} questions, {failed} of them failed and {empty} were empty on both sides");
}

/// One lake with one governed user.
struct Lake {
    label: String,
    rng: StdRng,
    tables: Vec<Table>,
    policies: Vec<Policy>,
    yaml: String,
    world: World,
}

impl Lake {
    async fn new(seed: u64, number: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(number));
        let tables: Vec<Table> = (0..2)
            .map(|index| Table::random(&mut rng, &format!("t{index}")))
            .collect();
        let policies: Vec<Policy> = tables.iter().map(|table| Policy::random(&mut rng, table)).collect();
        let yaml = yaml(&tables, &policies);
        let world = World::new().await;
        for table in &tables {
            table.write(&world, &mut rng);
        }
        let label = format!("seed {seed}, lake {number}");
        if let Err(error) = world.try_apply(&yaml, "").await {
            panic!("{label}: {error}\n{yaml}");
        }
        Self {
            label,
            rng,
            tables,
            policies,
            yaml,
            world,
        }
    }

    /// Asks; answers how many questions failed and how many had no row, alike on both sides.
    async fn ask(mut self, questions: u64) -> (usize, usize) {
        let visible: Vec<Option<Table>> = self
            .tables
            .iter()
            .zip(&self.policies)
            .map(|(table, policy)| policy.visible(table))
            .collect();
        let oracle = Oracle::new(&visible);
        let (mut failures, mut empty) = (0, 0);
        for question in 0..questions {
            let shown: Vec<&Table> = self
                .tables
                .iter()
                .zip(&visible)
                .map(|(table, seen)| seen.as_ref().unwrap_or(table))
                .collect();
            let asked = question::random(&mut self.rng, &shown);
            let wording = asked.copy.as_ref().unwrap_or(&asked.sql);
            let expected = oracle.ask(wording, true).await;
            let unoptimised = if self.rng.random_bool(0.3) {
                Some(oracle.ask(wording, false).await)
            } else {
                None
            };
            let got = self.world.run("u", &asked.sql).await;
            let got = got
                .map(|answer| oracle::lines(&answer.values(), asked.ordered))
                .map_err(oracle::Failure::from);
            let expected = expected.map(|rows| oracle::lines(&rows, asked.ordered));
            failures += usize::from(got.is_err() && expected.is_err());
            empty += usize::from(got.as_ref().is_ok_and(Vec::is_empty));
            let overflow =
                [&got, &expected].map(|outcome| outcome.as_ref().err().is_some_and(oracle::Failure::is_overflow));
            if got != expected && !(asked.overflows && overflow == [true, true]) {
                self.report(question, &asked.sql, [&expected, &got], "the pre-filtered copy");
            }
            // What no rule has decorrelated cannot be planned at all.
            if let Some(Ok(rows)) = unoptimised {
                let plain = Ok(oracle::lines(&rows, asked.ordered));
                if got != plain && got.is_ok() {
                    self.report(question, &asked.sql, [&plain, &got], "the copy without optimizer rules");
                }
            }
        }
        (failures, empty)
    }

    fn report(&self, question: u64, sql: &str, [expected, got]: [&oracle::Outcome; 2], what: &str) {
        let show = |outcome: &oracle::Outcome| match outcome {
            Ok(lines) => lines.join("\n"),
            Err(failure) => format!("{} {}", failure.code, failure.detail),
        };
        let mut text = String::new();
        for table in &self.tables {
            let _ = writeln!(text, "{table}");
        }
        panic!(
            "{}, question {question}: differs from {what}\n{sql}\n--- expected\n{}\n--- got\n{}\n--- lake\n{}\n{text}",
            self.label,
            show(expected),
            show(got),
            self.yaml
        );
    }
}

fn yaml(tables: &[Table], policies: &[Policy]) -> String {
    let mut text = "lake: fuzz\nconnections:\n  files: {connector: files, options: {root: \"./data\"}}\ncatalogs:\n  lake: {connection: \
                    files, default: true}\ndatabases:\n  lake.t: {location: \"t/\"}\nusers:\n  u: {attributes: {dept: [a, bb, \"ü\"]}}\ntables:\n"
        .to_owned();
    for (table, policy) in tables.iter().zip(policies) {
        let _ = write!(
            text,
            "  lake.t.{}:\n{}{}",
            table.name,
            table.declaration(),
            policy.declaration()
        );
    }
    let grants: Vec<String> = tables
        .iter()
        .zip(policies)
        .flat_map(|(table, policy)| policy.grants(&table.name))
        .collect();
    if !grants.is_empty() {
        let _ = writeln!(text, "grants:\n{}", grants.join("\n"));
    }
    text
}
