//! Is one question answered alike by the two databases of a lake and by the copy, and recorded as it was decided?

use lakegate_query::{context::Caller, service::SubmitRequest};

use super::{
    ask::Asked,
    lake::{CANARIES, Lake, VARIANTS},
    lens,
};
use crate::{
    fuzz::data::Table,
    governance::{
        chaos::Chaos,
        oracle,
        seen::{Look, Order, Seen},
    },
    world::World,
};

/// What the variants answer.
pub struct Agreed {
    pub seen: Seen,
    /// All failed at a value, but not at the same one.
    pub two_ways: bool,
}

/// Asks one question of the three variants of a lake.
pub struct Asker<'a> {
    world: &'a World,
    lake: &'a Lake,
    chaos: Option<&'a Chaos>,
    user: Caller,
    all: Caller,
}

impl<'a> Asker<'a> {
    pub async fn new(world: &'a World, lake: &'a Lake, chaos: Option<&'a Chaos>) -> Self {
        Self {
            world,
            lake,
            chaos,
            user: lake.caller(world.caller(lake.people.user()).await),
            all: world.caller("all").await,
        }
    }

    /// What questions may be about: tables as they are seen, closed ones as they are, and which of them are open; and names of
    /// hidden columns.
    pub fn known(&self) -> (Vec<(Table, bool)>, Vec<String>) {
        let views = self.lake.tables.iter().zip(&self.lake.views);
        let mut hidden: Vec<String> = vec!["nothing".to_owned()];
        let mut shown: Vec<(Table, bool)> = views
            .map(|(table, view)| {
                if view.is_closed() {
                    return (table.clone(), false);
                }
                let columns = view.columns(table);
                let absent = table
                    .columns
                    .iter()
                    .filter(|column| !columns.iter().any(|shown| shown.name == column.name));
                hidden.extend(absent.map(|column| column.name.clone()));
                let seen = Table {
                    columns,
                    ..table.clone()
                };
                (seen, true)
            })
            .collect();
        if let Some(lens) = &self.lake.lens {
            let base = &self.lake.tables[lens.base];
            let seen = self.lake.seen_through();
            let open = seen.is_some();
            let table = seen.unwrap_or_else(|| Table {
                name: lens::NAME.to_owned(),
                columns: lens.columns(base),
                ..base.clone()
            });
            shown.push((table, open));
        }
        (shown, hidden)
    }

    async fn ask(&self, variant: &str, asked: &Asked, look: Look) -> Seen {
        let (catalog, database) = self.lake.place(variant);
        let request = SubmitRequest {
            sql: asked.sql.clone(),
            catalog: Some(catalog),
            database: Some(database),
            on_behalf_of: self.lake.people.behalf().filter(|_| variant != "c").map(str::to_owned),
            ..SubmitRequest::default()
        };
        let caller = if variant == "c" { &self.all } else { &self.user };
        let mut seen = Seen::by(self.world, caller, request, (look, asked.order)).await;
        let name = self.lake.database(variant);
        seen.rename(&name, "DATABASE");
        seen
    }

    /// Prints what each variant answers.
    pub async fn tell(&self, sql: &str) {
        let asked = Asked {
            sql: sql.to_owned(),
            order: Order::None,
            diff: false,
        };
        for variant in VARIANTS {
            println!("{variant}: {}", self.ask(variant, &asked, Look::AnswerAndPlan).await);
        }
    }

    /// What all agree on, or what is wrong with the answers.
    pub async fn complaint(&self, asked: &Asked, look: Look) -> Result<Agreed, String> {
        let one = self.ask("a", asked, look).await;
        let other = self.ask("b", asked, look).await;
        let keeps_meaning = self.chaos.is_none_or(Chaos::keeps_meaning);
        let mut complaints = oracle::canary(self.world, &asked.sql, &[&one.text(), &other.text()], &CANARIES);
        let mut two_ways = one.failed_in_another_way(&other);
        let [a, b] = if two_ways {
            [&one, &other].map(Seen::but_for_the_failure)
        } else {
            [one.clone(), other]
        };
        complaints.extend(oracle::indistinguishable(&asked.sql, &a, &b));
        if asked.diff && keeps_meaning {
            let copy = self.ask("c", asked, Look::Answer).await;
            let refused = self.chaos.is_some() && (one.failure.is_some() || copy.failure.is_some());
            two_ways |= one.failed_in_another_way(&copy);
            if !refused && !one.failed_in_another_way(&copy) && one.outcome() != copy.outcome() {
                complaints.push(format!("O1: {}\n--- over the copy\n{copy}\n--- got\n{one}", asked.sql));
            }
        }
        if let Some((code, message)) = &one.failure
            && self.chaos.is_none()
            && *code == "PLAN_INVARIANT"
        {
            complaints.push(format!("{}: {code} {message}", asked.sql));
        }
        // A view's bases are decided with the rights that it reads with.
        if look == Look::AnswerAndPlan && !asked.sql.contains(lens::NAME) {
            complaints.extend(self.unaudited(&asked.sql, &one).await);
        }
        if complaints.is_empty() {
            Ok(Agreed { seen: one, two_ways })
        } else {
            Err(complaints.join("\n"))
        }
    }

    /// O6: a denied table is told as denied, another one as allowed; and there is one outcome.
    async fn unaudited(&self, sql: &str, seen: &Seen) -> Vec<String> {
        let Some(id) = &seen.id.0 else { return Vec::new() };
        let events = self.world.audit_of(id).await;
        let mut complaints = Vec::new();
        for (table, view) in self.lake.tables.iter().zip(&self.lake.views) {
            let name = format!(".{}", table.name);
            let attempts = events
                .iter()
                .filter(|event| event.kind == "query.attempt" && event.resource.ends_with(&name));
            for attempt in attempts {
                let expected = if view.is_closed() { "deny" } else { "allow" };
                if attempt.action == "Select" && attempt.decision != expected {
                    complaints.push(format!("O6: {sql}: not `{expected}`: {attempt:?}"));
                }
            }
        }
        let ended = seen.failure.as_ref().map_or("ok", |(code, _)| code);
        let outcomes: Vec<&str> = events
            .iter()
            .filter(|event| event.kind == "query.outcome")
            .map(|event| event.outcome.as_str())
            .collect();
        if outcomes != [ended] {
            complaints.push(format!("O6: {sql}: outcomes {outcomes:?}, not `{ended}`"));
        }
        complaints
    }
}
