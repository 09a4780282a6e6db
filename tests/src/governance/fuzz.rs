//! Does governance hold for random lakes, policies and questions? O1, O2, O3, O6 and P5, against an interpreter of governance.md §3.
//!
//! Each lake has two databases that differ only outside of its principal's view, made by the interpreter (`view`, over plain Cedar in
//! `authority`), and a physically filtered and masked copy. A case is one question about one lake: asked of all three, it has one
//! answer. Everything follows from a seed.

mod ask;
mod asker;
mod authority;
mod blur;
mod guarded;
mod lake;
mod lens;
mod mask;
mod person;
mod plant;
mod row_body;
mod rules;
mod sha;
mod shrink;
mod source;
mod view;

use std::{
    collections::BTreeMap,
    sync::LazyLock,
    time::{Duration, Instant},
};

use futures::StreamExt;
use rand::{Rng, SeedableRng, rngs::StdRng};

use self::{
    ask::Asked,
    asker::{Agreed, Asker},
    lake::{Lake, VARIANTS},
};
pub use self::{plant::Plant, source::Source};
use super::{chaos::Chaos, seen::Look};
use crate::{
    fuzz::data::Table,
    postgres::Database,
    world::{Making, World},
};

/// Lakes of one world, and questions about each.
const LAKES: u64 = 16;
const QUESTIONS: u64 = 40;
/// Differences after which a run ends.
const ENOUGH: u64 = 10;

/// What to run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub seed: u64,
    pub cases: u64,
    pub source: Source,
    /// Each world has another optimizer.
    pub chaos: bool,
    /// Worlds at once.
    pub parallel: usize,
    /// A mistake in the policies that the lakes are given, which the reference does not make.
    pub plant: Option<Plant>,
    /// Only this lake, to look at it again: `LAKEGATE_FUZZ_LAKE=132`.
    pub lake: Option<u64>,
}

/// Parts of the generator that are left out, to see which of them a difference needs: `LAKEGATE_FUZZ_WITHOUT=views,cedar`.
static WITHOUT: LazyLock<Vec<String>> = LazyLock::new(|| {
    let text = std::env::var("LAKEGATE_FUZZ_WITHOUT").unwrap_or_default();
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    names
        .map(|name| {
            assert!(
                PARTS.contains(&name),
                "LAKEGATE_FUZZ_WITHOUT names {PARTS:?}, not `{name}`"
            );
            name.to_owned()
        })
        .collect()
});
const PARTS: [&str; 7] = ["behalf", "broken", "cedar", "mappings", "masks", "structs", "views"];

/// Whether a part of the generator is used.
fn has(part: &str) -> bool {
    !WITHOUT.iter().any(|without| without == part)
}

/// How it went.
#[derive(Clone, Debug, Default)]
struct Tally {
    cases: u64,
    differ: u64,
    empty: u64,
    /// Failed at one value here and at another there.
    two_ways: u64,
    /// Codes of questions that failed alike.
    failed: BTreeMap<&'static str, u64>,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.cases += other.cases;
        self.differ += other.differ;
        self.empty += other.empty;
        self.two_ways += other.two_ways;
        for (&code, count) in &other.failed {
            *self.failed.entry(code).or_default() += count;
        }
    }
}

/// Runs the cases; panics at the end if there was a difference, after it has told everything that is needed to repeat each, as
/// small as it gets.
pub async fn run(plan: Plan) {
    let began = Instant::now();
    let worlds = match plan.lake {
        Some(lake) => lake / LAKES..lake / LAKES + 1,
        None => 0..plan.cases.div_ceil(LAKES * QUESTIONS),
    };
    let each = futures::stream::iter(worlds.map(|world| {
        let left = plan.cases.saturating_sub(world * LAKES * QUESTIONS);
        tokio::task::spawn(async move { Trial::random(plan, world).run(left.min(LAKES * QUESTIONS)).await })
    }));
    let mut all = each.buffer_unordered(plan.parallel.max(1));
    let mut sum = Tally::default();
    let mut told = Instant::now();
    while let Some(tally) = all.next().await {
        let tally = tally.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        sum.add(&tally);
        if told.elapsed() > Duration::from_secs(30) {
            told = Instant::now();
            println!("fuzz-governance: {sum:?} in {:?}", began.elapsed());
        }
        if sum.differ >= ENOUGH {
            break;
        }
    }
    println!("fuzz-governance: {plan:?}: {sum:?} in {:?}", began.elapsed());
    assert_eq!(sum.differ, 0, "{plan:?}: {sum:?}");
}

/// How many cases it takes until what is planted is found; `None` if it is not.
pub async fn cases_until_found(plan: Plan) -> Option<u64> {
    let mut cases = 0;
    for world in 0..plan.cases.div_ceil(LAKES * QUESTIONS) {
        let trial = Trial::random(plan, world);
        let place = trial.world().await;
        for lake in &trial.lakes {
            let (tally, finding) = trial.ask(&place, lake, QUESTIONS).await;
            cases += tally.cases;
            if finding.is_some() {
                return Some(cases + 1);
            }
        }
    }
    None
}

/// A question of a lake that was not answered alike, and why.
struct Finding {
    asked: Asked,
    look: Look,
    complaint: String,
}

/// The lakes of one world.
#[derive(Clone, Debug)]
struct Trial {
    plan: Plan,
    lakes: Vec<Lake>,
    chaos: Option<Chaos>,
}

impl Trial {
    fn random(plan: Plan, world: u64) -> Self {
        let first = world * LAKES;
        let needed = plan.cases.div_ceil(QUESTIONS);
        let numbers = match plan.lake {
            Some(lake) => lake..lake + 1,
            None => first..needed.min(first + LAKES),
        };
        let mut rng = StdRng::seed_from_u64(plan.seed ^ world);
        Self {
            plan,
            lakes: numbers
                .map(|number| Lake::random(plan.seed, number, plan.source))
                .collect(),
            chaos: plan.chaos.then(|| Chaos::random(&mut rng)),
        }
    }

    async fn run(self, cases: u64) -> Tally {
        let mut sum = Tally::default();
        for lake in &self.lakes {
            self.never_wider(lake);
        }
        let world = self.world().await;
        for lake in &self.lakes {
            let (tally, finding) = self
                .ask(&world, lake, QUESTIONS.min(cases.saturating_sub(sum.cases)))
                .await;
            sum.add(&tally);
            if let Some(finding) = finding {
                sum.cases += 1;
                sum.differ += 1;
                let smaller = shrink::shrink(&self, lake, (&finding.asked, finding.look)).await;
                let (lake, complaint) = smaller.unwrap_or((lake.clone(), finding.complaint));
                println!(
                    "fuzz-governance: {:?} {:?}, lake {}, after {} questions\n{complaint}\n{}\n",
                    self.plan,
                    self.chaos,
                    lake.number,
                    tally.cases,
                    lake.describe()
                );
            }
        }
        sum
    }

    /// So many questions about one lake, until one is not answered alike.
    async fn ask(&self, world: &World, lake: &Lake, questions: u64) -> (Tally, Option<Finding>) {
        let mut tally = Tally::default();
        let asker = Asker::new(world, lake, self.chaos.as_ref()).await;
        let mut rng = StdRng::seed_from_u64(lake.seed ^ 0x5eed);
        if let Ok(sql) = std::env::var("LAKEGATE_FUZZ_SQL") {
            asker.tell(&sql).await;
            return (tally, None);
        }
        let (shown, hidden) = asker.known();
        for _ in 0..questions {
            // Of what is closed there is little to ask.
            let open: Vec<&Table> = shown.iter().filter(|(_, open)| *open).map(|(table, _)| table).collect();
            let asked = if open.is_empty() || rng.random_bool(0.1) {
                ask::random(
                    &mut rng,
                    &shown.iter().map(|(table, _)| table).collect::<Vec<_>>(),
                    &hidden,
                )
            } else {
                ask::random(&mut rng, &open, &hidden)
            };
            let look = if rng.random_bool(0.1) {
                Look::AnswerAndPlan
            } else {
                Look::Answer
            };
            match asker.complaint(&asked, look).await {
                Ok(Agreed {
                    seen: outcome,
                    two_ways,
                }) => {
                    tally.cases += 1;
                    if two_ways {
                        // Listed as a residual, and to be looked at.
                        tally.two_ways += 1;
                        println!(
                            "fuzz-governance: fails in two ways, lake {}: {}",
                            lake.number, asked.sql
                        );
                    }
                    if let Some((code, _)) = outcome.failure {
                        *tally.failed.entry(code).or_default() += 1;
                        if code == "INTERNAL_ERROR" {
                            // Nothing leaks, and yet it is a defect.
                            println!("fuzz-governance: {code}, lake {}: {}", lake.number, asked.sql);
                        }
                    }
                    tally.empty += u64::from(outcome.rows.is_some_and(|(_, rows)| rows.is_empty()));
                }
                Err(complaint) => return (tally, Some(Finding { asked, look, complaint })),
            }
        }
        (tally, None)
    }

    /// P5: a further forbid shows no more, a further permit that cannot err no less, and order and doubles mean nothing.
    fn never_wider(&self, lake: &Lake) {
        let text = lake.rules.plain();
        let mut rules: Vec<String> = lake.rules.rules.iter().map(|rule| rule.0.clone()).collect();
        let grants = text.replace(&rules.iter().map(|rule| format!("{rule}\n")).collect::<String>(), "");
        rules.reverse();
        let doubled = rules
            .iter()
            .chain(&rules)
            .map(|rule| format!("{rule}\n"))
            .collect::<String>();
        let same = lake.views_under(&(grants + &doubled));
        let mut rng = StdRng::seed_from_u64(lake.seed ^ 0xf0_4b1d);
        let fresh = Lake::random(lake.seed ^ rng.random::<u64>(), lake.number, lake.source);
        for (at, table) in lake.tables.iter().enumerate() {
            let view = &lake.views[at];
            assert_eq!(
                format!("{:?}", same[at]),
                format!("{view:?}"),
                "order or doubles matter:\n{text}"
            );
            for rule in &fresh.rules.rules {
                let known = rule.0.contains("Lakegate::Table::") && !rule.0.contains("clearance +");
                if !known {
                    continue;
                }
                let more = &lake.views_under(&format!("{text}\n{}", rule.0))[at];
                let within = match rule.0.starts_with("forbid") {
                    true => more.is_within(view, table),
                    false => view.is_within(more, table),
                };
                assert!(within, "P5: {}\n{text}", rule.0);
            }
        }
    }

    /// All lakes in one world.
    async fn world(&self) -> World {
        let database = match self.plan.source {
            Source::Postgres => Some(Database::create().await.expect("a server of PostgreSQL")),
            _ => None,
        };
        let making = Making {
            variables: database.as_ref().map(Database::secrets).unwrap_or_default(),
            engine: self.chaos.as_ref().map(Chaos::engine).unwrap_or_default(),
        };
        let world = World::made(making).await;
        for lake in &self.lakes {
            for variant in VARIANTS {
                let (tables, through) = (lake.variant(variant), lake.seen_through());
                let through = through.iter().filter(|_| variant == "c");
                let tables: Vec<&Table> = tables.iter().flatten().chain(through).collect();
                let name = lake.database(variant);
                self.plan
                    .source
                    .write((&world, database.as_ref()), &name, &tables)
                    .await;
            }
        }
        let mappings: Vec<Table> = self.lakes.iter().map(Lake::mapping_table).collect();
        let mappings: Vec<&Table> = mappings.iter().collect();
        self.plan
            .source
            .write((&world, database.as_ref()), "gov", &mappings)
            .await;
        let (yaml, cedar) = self.text(database.as_ref());
        if let Err(error) = world.try_apply(&yaml, &cedar).await {
            panic!("{:?}: {error}\n{yaml}\n{cedar}", self.plan);
        }
        world
    }

    /// The lake's file and the policies.
    fn text(&self, database: Option<&Database>) -> (String, String) {
        let lakes: Vec<Lake> = self
            .lakes
            .iter()
            .map(|lake| plant::planted(self.plan.plant, lake))
            .collect();
        let all = |line: &dyn Fn(&Lake, &str) -> String| -> String {
            let each = lakes
                .iter()
                .flat_map(|lake| VARIANTS.map(|variant| line(lake, variant)));
            each.collect()
        };
        let each = |line: &dyn Fn(&Lake) -> String| -> String { lakes.iter().map(line).collect() };
        let sources = match (self.plan.source, database) {
            (Source::Files, _) => format!(
                "connections:\n  files: {{connector: files, options: {{root: \"./data\"}}}}\ncatalogs:\n  lake: {{connection: files, \
                 default: true}}\ndatabases:\n  lake.gov: {{location: \"gov/\"}}\n{}",
                all(&|lake, variant| lake.databases(variant))
            ),
            (Source::Sqlite, _) => format!(
                "connections:\n  gov: {{connector: sqlite, options: {{path: \"./gov.sqlite\"}}}}\n{}catalogs:\n  gov: {{connection: gov, discover: true}}\n{}",
                all(&|lake, variant| {
                    let name = lake.database(variant);
                    format!("  {name}: {{connector: sqlite, options: {{path: \"./{name}.sqlite\"}}}}\n")
                }),
                all(&|lake, variant| {
                    let name = lake.database(variant);
                    format!("  {name}: {{connection: {name}, discover: true}}\n")
                })
            ),
            (Source::Postgres, database) => format!(
                "connections:\n  crm: {}\ncatalogs:\n  crm: {{connection: crm, discover: true}}\n",
                database.expect("a server").connection()
            ),
        };
        let grants = all(&|lake, variant| {
            let (catalog, database) = lake.place(variant);
            match (variant, self.plan.source) {
                ("c", Source::Files) => format!(
                    "  - {{to: \"user:all\", privileges: [select], resource: \"database:{catalog}.{database}\"}}\n"
                ),
                ("c", Source::Sqlite) => {
                    format!("  - {{to: \"user:all\", privileges: [select], resource: \"catalog:{catalog}\"}}\n")
                }
                ("c", Source::Postgres) => String::new(),
                _ => lake.rules.grants(&format!("{catalog}.{database}")),
            }
        });
        let whole = match self.plan.source {
            Source::Files => "database:lake.gov",
            Source::Postgres => "catalog:crm",
            Source::Sqlite => "catalog:gov",
        };
        let whole = format!("  - {{to: \"user:all\", privileges: [select], resource: \"{whole}\"}}\n");
        let whole = whole + &each(&|lake| lake.people.behalf_lines());
        let views = match all(&|lake, variant| lake.view_lines(variant)) {
            none if none.is_empty() => none,
            lines => format!("views:\n{lines}"),
        };
        let yaml = format!(
            "lake: fuzz\n{sources}{views}tags:\n  pii: {{values: [none, low, high], ordered: true}}\nroles:\n{}users:\n  all: {{}}\n{}tables:\n{}grants:\n{whole}{grants}",
            each(&|lake| lake.people.role_lines()),
            each(&|lake| lake.people.user_lines()),
            each(&Lake::mapping_declaration) + &all(&|lake, variant| lake.declarations(variant)),
        );
        let cedar = all(&|lake, variant| {
            let (catalog, database) = lake.place(variant);
            match variant {
                "c" => String::new(),
                _ => lake
                    .rules
                    .cedar(&lake.database(variant), &format!("{catalog}.{database}")),
            }
        });
        (yaml, cedar)
    }
}

/// A fixed small run, or what the environment asks for.
pub async fn run_as_told(default: Plan) {
    let text = |name: &str| std::env::var(format!("LAKEGATE_FUZZ_{name}")).ok();
    let number = |name: &str, default: u64| {
        text(name).map_or(default, |text| {
            text.parse()
                .unwrap_or_else(|_| panic!("LAKEGATE_FUZZ_{name} is no number: {text}"))
        })
    };
    let parallel = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    run(Plan {
        seed: number("SEED", default.seed),
        cases: number("CASES", default.cases),
        source: text("SOURCE").map_or(default.source, |name| Source::named(&name)),
        chaos: number("CHAOS", u64::from(default.chaos)) == 1,
        parallel: usize::try_from(number("PARALLEL", parallel.max(default.parallel) as u64)).expect("a number"),
        plant: default.plant,
        lake: text("LAKE").map(|text| text.parse().expect("LAKEGATE_FUZZ_LAKE is a number")),
    })
    .await;
}
