//! Do the promises hold for sets of policies that nobody thought of? (`governance.md` P5 and §9.2, metamorphic)
//!
//! A small seeded loop: random subsets of a pool of policies and grants, every user, every relation.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

#[path = "fixture/lake.rs"]
mod lake;

use lake::{Lake, uid};
use lakegate_policy::*;

/// SplitMix64: the same sequence everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound).unwrap()).unwrap()
    }

    fn some_of<T: Clone>(&mut self, pool: &[T]) -> Vec<T> {
        pool.iter().filter(|_| self.below(2) == 0).cloned().collect()
    }

    fn context(&mut self) -> RequestContext {
        let base = context();
        RequestContext {
            now: base.now + [0, 999, 1_000, 50_000][self.below(4)],
            ip: ["10.0.0.1", "192.168.0.1"][self.below(2)].parse().unwrap(),
            mfa: self.below(2) == 0,
            auth_age_ms: [None, Some(1), Some(300_000), Some(300_001)][self.below(4)],
            purpose: [None, Some("fraud".to_owned()), Some("ads".to_owned())][self.below(3)].clone(),
            ..base
        }
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            list.swap(at, self.below(at + 1));
        }
    }
}

const USERS: [&str; 5] = ["alice", "bob", "carol", "dana", "erin"];

fn texts(pool: &[&str]) -> Vec<PolicyText> {
    let text = |(at, text): (usize, &&str)| PolicyText {
        id: format!("{}{at}", &text[..1]),
        resolved: text.replace('@', "Lakegate::Action::").replace('#', "Lakegate::"),
    };
    pool.iter().enumerate().map(text).collect()
}

fn permits() -> Vec<PolicyText> {
    texts(&[
        r#"permit(principal in #Role::"staff", action == @"Select", resource in #Database::"sales");"#,
        r#"permit(principal, action == @"Select", resource == #Table::"small");"#,
        r#"permit(principal, action == @"Select", resource is #Column) when { !resource.hasTag("pii") };"#,
        r#"permit(principal, action == @"SelectFiltered", resource is #DataFilter in #Table::"small");"#,
        r#"permit(principal == #User::"bob", action in [@"SelectFiltered", @"BypassFilter"], resource == #DataFilter::"hold");"#,
        r#"permit(principal, action == @"SelectMasked", resource) when { resource has rank && resource.rank < 15 };"#,
        r#"permit(principal, action == @"BypassFilter", resource) when { resource.name == "r1" };"#,
    ])
}

fn forbids() -> Vec<PolicyText> {
    texts(&[
        r#"forbid(principal, action in @"DataRead", resource is #Column) when { resource.hasTag("pii") };"#,
        r#"forbid(principal, action in @"DataRead", resource == #Table::"orders") unless { principal in #Role::"legal" };"#,
        r#"forbid(principal == #User::"alice", action, resource in #Column::"small.a");"#,
        r#"forbid(principal, action == @"SelectMasked", resource in #Table::"orders");"#,
        r#"forbid(principal, action, resource is #DataFilter) when { resource.name == "eu" };"#,
        r#"forbid(principal is #User in #Role::"staff", action == @"BypassFilter", resource);"#,
        r#"forbid(principal, action == @"Select", resource is #Table) when { principal.clearance + 1 < 0 };"#,
    ])
}

/// Policies that read tags first, facts of the request, attributes of columns.
fn conditional() -> Vec<PolicyText> {
    let text = |(at, text): (usize, &&str)| PolicyText {
        id: format!("c{at}"),
        resolved: text.replace('@', "Lakegate::Action::").replace('#', "Lakegate::"),
    };
    let pool = [
        r#"permit(principal, action in @"DataRead", resource) when { resource.hasTag("pii") && resource.getTag("pii") == "ssn" };"#,
        r#"forbid(principal in #Role::"staff", action == @"Select", resource is #Column) when { resource.hasTag("pii") && principal.clearance + 1 > 0 };"#,
        r#"permit(principal, action == @"Select", resource is #Column) when { resource.name like "*_*" };"#,
        r#"forbid(principal, action == @"Select", resource is #Column) when { principal.hasTag("dept") && principal.getTag("dept").contains(resource.name) };"#,
        r#"permit(principal, action == @"Select", resource) when { resource == #Column::"orders.note" };"#,
        r#"forbid(principal, action == @"Select", resource) when { context.now >= datetime("2026-11-20T00:00:01Z") };"#,
        r#"permit(principal, action == @"SelectFiltered", resource) when { context.mfa };"#,
        r#"forbid(principal, action == @"SelectMasked", resource) unless { context has purpose && context.purpose == "fraud" };"#,
        r#"forbid(principal, action == @"BypassFilter", resource) when { context.auth_age > duration("5m") };"#,
        r#"permit(principal, action == @"SelectMasked", resource) when { context.ip.isInRange(ip("10.0.0.0/8")) };"#,
        r#"forbid(principal, action == @"SelectFiltered", resource) when { context.now.toTime() > duration("12h") };"#,
        r#"permit(principal, action in @"DataRead", resource) when { resource.hasTag("pii") && resource.getTag("pii") == "none" };"#,
        r#"forbid(principal, action == @"Select", resource is #Column) when { resource.hasTag("pii") && ("email" == resource.getTag("pii") && principal.clearance + 1 > 0) };"#,
    ];
    pool.iter().enumerate().map(text).collect()
}

fn grants() -> Vec<GrantLink> {
    let pool = [
        ("select", "User::carol", "Table::orders", None),
        ("select", "Role::staff", "Column::orders.id", None),
        ("select", "User::bob", "Table::small", Some(0)),
        ("select-filtered", "Role::staff", "DataFilter::eu", None),
        ("select-filtered", "User::alice", "DataFilter::de", None),
        ("select-filtered", "User::erin", "DataFilter::only-b", None),
        ("select-masked", "User::alice", "Table::orders", None),
        ("select-masked", "User::erin", "Column::small.b", None),
        ("bypass-filter", "User::alice", "DataFilter::hold", None),
        ("all", "User::dana", "Catalog::lake", Some(i64::MAX)),
    ];
    let link = |(at, (privilege, to, on, expires_ms)): (usize, &(&str, &str, &str, Option<i64>))| GrantLink {
        id: format!("g{at}"),
        privilege: privilege.parse().unwrap(),
        principal: uid(to),
        resource: uid(on),
        expires_ms: *expires_ms,
    };
    pool.iter().enumerate().map(link).collect()
}

fn context() -> RequestContext {
    RequestContext {
        now: 1_795_132_800_000,
        ip: "10.0.0.1".parse().unwrap(),
        mfa: false,
        auth_age_ms: None,
        workgroup: "primary".to_owned(),
        client: "rest".to_owned(),
        purpose: None,
        via_view: None,
        on_behalf_of: None,
        ticket: None,
    }
}

/// Truth of filters on one imagined row: which filters hold. Returns visibility and, per column, how much is revealed:
/// 0 hidden or NULL, 1 mask of rank 20, 2 mask of rank 10, 3 raw.
fn view(access: &Access, holds: impl Fn(&str) -> bool) -> Option<Vec<u8>> {
    let in_scope = match &access.rows {
        RowScope::None => false,
        RowScope::All => true,
        RowScope::AnyOf(filters) => filters.iter().any(|id| holds(id)),
    };
    let visible = in_scope && access.restrictive.iter().all(|id| holds(id));
    let reveal = |column: &ColumnAccess| {
        let clear = match &column.clear {
            Clear::Always => true,
            Clear::Where(filters) => filters.iter().any(|id| holds(id)),
            Clear::Never => false,
        };
        match &column.mask {
            _ if clear => 3,
            MaskChoice::Mask(id) if id == "a/two" || id == "email/hmac" => 1,
            MaskChoice::Mask(_) => 2,
            MaskChoice::None | MaskChoice::NullByTie => 0,
        }
    };
    visible.then(|| access.columns.iter().map(reveal).collect())
}

/// Whether `wide` shows at least what `narrow` shows, on rows of every combination of the filters in play.
fn covers(wide: &Access, narrow: &Access, filters: &[String]) -> bool {
    (0..1_u32 << filters.len()).all(|row| {
        let holds = |id: &str| {
            filters
                .iter()
                .position(|filter| filter == id)
                .is_some_and(|at| row >> at & 1 == 1)
        };
        match (view(wide, holds), view(narrow, holds)) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(wide), Some(narrow)) => wide.iter().zip(&narrow).all(|(wide, narrow)| wide >= narrow),
        }
    })
}

#[test]
fn a_forbid_never_widens_and_order_never_matters() {
    let lake = Lake::read();
    let mut random = Random(0x1a4e_9a7e);
    for round in 0..30 {
        let mut policies = random.some_of(&permits());
        policies.extend(random.some_of(&forbids()));
        let mut grants = random.some_of(&grants());
        let set = PolicySet::build(&policies, &grants).unwrap();

        let extra = forbids()[random.below(forbids().len())].clone();
        let narrowed: Vec<PolicyText> = policies
            .iter()
            .cloned()
            .chain([PolicyText {
                id: format!("extra-{}", extra.id),
                ..extra.clone()
            }])
            .collect();
        let narrowed = PolicySet::build(&narrowed, &grants).unwrap();

        random.shuffle(&mut policies);
        random.shuffle(&mut grants);
        let shuffled = PolicySet::build(&policies, &grants).unwrap();

        let before = Authorizer::new(&set, lake.entities()).unwrap();
        let after = Authorizer::new(&narrowed, lake.entities()).unwrap();
        let other = Authorizer::new(&shuffled, lake.entities()).unwrap();
        for user in USERS {
            for relation in ["orders", "small"] {
                let facts = lake.facts(relation);
                let filters: Vec<String> = facts.filters.iter().map(|filter| filter.id.clone()).collect();
                let wide = before.access(user, &context(), &facts);
                let narrow = after.access(user, &context(), &facts);
                let at = format!("round {round}, {user} on {relation}, extra {}", extra.resolved);
                // Shadowing a mask that ties reveals the other one: ranks that tie are refused at publication (P5).
                if wide.alerts.is_empty() {
                    assert!(covers(&wide, &narrow, &filters), "{at}\n{wide:?}\n{narrow:?}");
                }
                assert_eq!(wide, other.access(user, &context(), &facts), "{at}");
            }
        }
    }
}

#[test]
fn a_set_that_succeeds_another_is_the_same_as_one_built_anew() {
    let lake = Lake::read();
    let mut random = Random(11);
    let mut set = PolicySet::default();
    for round in 0..12 {
        let mut policies = [
            random.some_of(&permits()),
            random.some_of(&forbids()),
            random.some_of(&conditional()),
        ]
        .concat();
        if let Some(changed) = policies.first_mut() {
            changed.resolved = permits()[random.below(permits().len())].resolved.clone();
        }
        let grants = random.some_of(&grants());
        set = set.succeed(&policies, &grants).unwrap();
        let fresh = PolicySet::build(&policies, &grants).unwrap();
        let (kept, anew) = (
            Authorizer::new(&set, lake.entities()).unwrap(),
            Authorizer::new(&fresh, lake.entities()).unwrap(),
        );
        for user in USERS {
            for relation in ["orders", "small"] {
                let facts = lake.facts(relation);
                assert_eq!(
                    kept.access(user, &context(), &facts),
                    anew.access(user, &context(), &facts),
                    "round {round}, {user} on {relation}"
                );
            }
        }
        assert_eq!(kept.reads(), anew.reads(), "round {round}");
        for (from, to) in [(-1, 0), (0, 1), (i64::MAX - 1, i64::MAX)] {
            assert_eq!(
                set.may_turn_between(from, to),
                fresh.may_turn_between(from, to),
                "round {round}"
            );
        }
    }
    let twice = [permits()[0].clone(), permits()[0].clone()];
    assert!(set.succeed(&twice, &[]).is_err() && PolicySet::default().succeed(&twice, &[]).is_err());
    let both = [PolicyText {
        id: "g0".to_owned(),
        ..permits()[0].clone()
    }];
    assert!(set.succeed(&both, &grants()[..1]).is_err());
    let broken = [PolicyText {
        id: "p".to_owned(),
        resolved: "permit(principal, action, resource) when { resource.x };".to_owned(),
    }];
    assert!(set.succeed(&broken, &[]).is_err());
}

#[test]
fn columns_that_no_policy_tells_apart_have_one_verdict() {
    let lake = Lake::read();
    let mut random = Random(23);
    let (mut saved, mut all) = (0, 0);
    for round in 0..24 {
        let policies = [
            random.some_of(&permits()),
            random.some_of(&forbids()),
            random.some_of(&conditional()),
        ]
        .concat();
        let set = PolicySet::build(&policies, &random.some_of(&grants())).unwrap();
        let authorizer = Authorizer::new(&set, lake.entities()).unwrap();
        for relation in ["orders", "small"] {
            let (each, grouped) = (lake.facts(relation), lake.grouped_facts(relation, &set));
            saved += grouped
                .columns
                .iter()
                .filter(|column| column.id != column.decided_as)
                .count();
            all += grouped.columns.len();
            for user in USERS {
                let [each, grouped] = [&each, &grouped].map(|facts| authorizer.access(user, &context(), facts));
                assert_eq!(each, grouped, "round {round}, {user} on {relation}");
            }
        }
    }
    assert!(saved * 10 > all, "grouping saves something: {saved} of {all}");
}

#[test]
fn contexts_of_one_class_have_one_access() {
    let lake = Lake::read();
    let mut random = Random(31);
    let (mut alike, mut differ) = (0, 0);
    for round in 0..36 {
        let policies = [
            random.some_of(&permits()),
            random.some_of(&forbids()),
            random.some_of(&conditional()),
        ]
        .concat();
        let set = PolicySet::build(&policies, &random.some_of(&grants())).unwrap();
        for user in USERS {
            let (one, other) = (random.context(), random.context());
            let decided = |context: &RequestContext| {
                let authorizer = Authorizer::new(&set, lake.entities()).unwrap();
                let access = authorizer.access(user, context, &lake.facts("orders"));
                (access, authorizer.reads())
            };
            let ((first, reads), (second, again)) = (decided(&one), decided(&other));
            if first.gate == second.gate {
                assert_eq!(
                    reads.class_of(&one).is_some(),
                    again.class_of(&one).is_some(),
                    "round {round}"
                );
            }
            match (reads.class_of(&one), reads.class_of(&other)) {
                (Some(left), Some(right)) if left == right => {
                    alike += 1;
                    assert_eq!(first, second, "round {round}, {user}: {one:?} {other:?}");
                }
                _ => differ += usize::from(first != second),
            }
        }
    }
    assert!(alike > 20 && differ > 20, "{alike} alike, {differ} different");
}

#[test]
fn the_index_agrees_with_the_whole_set() {
    let lake = Lake::read();
    let mut random = Random(7);
    let context = context();
    let entities = entity_store(lake.entities()).unwrap();
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    for _ in 0..20 {
        let policies = [
            random.some_of(&permits()),
            random.some_of(&forbids()),
            random.some_of(&conditional()),
        ]
        .concat();
        let set = PolicySet::build(&policies, &random.some_of(&grants())).unwrap();
        for entity in lake.entities() {
            for action in [
                Action::Select,
                Action::SelectFiltered,
                Action::SelectMasked,
                Action::BypassFilter,
                Action::Drop,
            ] {
                for principal in ["alice", "dana", "erin"] {
                    let request = Request {
                        principal,
                        action,
                        resource: entity.uid(),
                        context: &context,
                    };
                    let decision = set.decide(&request, &entities);
                    assert_eq!(decision, set.decide_unsliced(&request, &entities), "{request:?}");
                    *seen.entry(format!("{:?}", decision.verdict)).or_default() += 1;
                }
            }
        }
    }
    assert_eq!(seen.len(), 3, "every verdict occurs: {seen:?}");
}

/// `cargo test -p lakegate-policy --release --test properties -- --ignored`; the figures are its message.
#[test]
#[ignore = "a measurement; it always fails, with its figures"]
fn how_long_a_decision_takes() {
    let lake = Lake::read();
    let set = PolicySet::build(&[permits(), forbids()].concat(), &grants()).unwrap();
    let (context, facts) = (context(), lake.facts("orders"));
    let open = PolicySet::build(&permits(), &grants()).unwrap();
    let authorizer = Authorizer::new(&set, lake.entities()).unwrap();
    let resource = uid("Column::orders.ssn");
    let request = Request {
        principal: "alice",
        action: Action::Select,
        resource,
        context: &context,
    };
    let mut lines = vec![format!("{} entities", lake.entities().len())];
    let mut time = |what: &str, work: &mut dyn FnMut()| {
        let mut times: Vec<_> = (0..500)
            .map(|_| {
                let start = std::time::Instant::now();
                work();
                start.elapsed()
            })
            .collect();
        times.sort();
        lines.push(format!("{what}: {:?}", times[times.len() / 2]));
    };
    time("building entities", &mut || drop(lake.entities()));
    time("building entities and their store", &mut || {
        drop(Authorizer::new(&set, lake.entities()).unwrap())
    });
    time("one decision", &mut || drop(authorizer.decide(&request)));
    let authorizer = Authorizer::new(&open, lake.entities()).unwrap();
    time("access of 15 columns, 5 filters, 2 masks", &mut || {
        drop(authorizer.access("alice", &context, &facts))
    });
    panic!("{}", lines.join("\n"));
}
