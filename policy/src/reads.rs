//! What of a request and of its resource can a policy read?
//!
//! Two requests of one principal for one resource that are alike in all of this have one decision (`governance.md` §7).
//! Reading more than a policy really does is safe: it only costs a decision. INVARIANT: what this file does not understand
//! counts as read.

use crate::request::RequestContext;
use crate::resource;
use cedar_policy::pst::{BinaryOp, Clause, Expr, Literal, UnaryOp, Var};
use cedar_policy::{Context, Entities, EvalResult, Expression, Policy, Request as CedarRequest, eval_expression};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::str::FromStr;

/// What policies read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reads {
    /// Attributes of the context other than the clocks, by name.
    facts: BTreeSet<String>,
    now: Clock,
    auth_age: Clock,
    /// Attributes of the resource.
    attributes: BTreeSet<String>,
    /// The context as a whole: nothing can be said about what matters of it.
    everything: bool,
}

/// How a moving fact is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Clock {
    /// Compared with these, in milliseconds.
    thresholds: BTreeSet<i64>,
    /// Used in another way.
    otherwise: bool,
}

/// In milliseconds.
const MINUTE: i64 = 60_000;

/// The attributes of the schema's type Ctx that do not move.
const FACTS: &[&str] = &[
    "client",
    "ip",
    "mfa",
    "on_behalf_of",
    "purpose",
    "ticket",
    "via_view",
    "workgroup",
];

impl Reads {
    /// What one policy reads.
    pub(crate) fn of(policy: &Policy) -> Self {
        let mut reads = Self::default();
        match policy.to_pst() {
            Ok(policy) => policy.body().clauses().iter().for_each(|clause| {
                let (Clause::When(body) | Clause::Unless(body)) = clause;
                reads.expr(body);
            }),
            Err(_) => reads.everything = true,
        }
        reads
    }

    /// A grant that ends is one that reads the time.
    pub(crate) fn until(end: i64) -> Self {
        let mut reads = Self::default();
        reads.now.thresholds.insert(end);
        reads
    }

    /// Adds what other policies read.
    pub(crate) fn join(&mut self, other: &Self) {
        self.facts.extend(other.facts.iter().cloned());
        self.attributes.extend(other.attributes.iter().cloned());
        self.now.join(&other.now);
        self.auth_age.join(&other.auth_age);
        self.everything |= other.everything;
    }

    /// Whether the time is read: `now` or `auth_age`.
    pub(crate) fn clock(&self) -> bool {
        self.everything || self.now != Clock::default() || self.auth_age != Clock::default()
    }

    /// Whether an attribute of the resource is read.
    pub(crate) fn attribute(&self, name: &str) -> bool {
        self.everything || self.attributes.contains(name)
    }

    /// The class of a context: two contexts of one class have one decision. `None`: no two contexts are known to.
    pub fn class_of(&self, context: &RequestContext) -> Option<String> {
        let mut class = String::new();
        if self.everything || self.now.otherwise || self.auth_age.otherwise {
            return None;
        }
        for fact in &self.facts {
            // Length before value: no value can look like two.
            let value = fact_of(context, fact)?;
            let _ = write!(class, "{fact}={}:{value};", value.len());
        }
        let _ = write!(class, "now={};", self.now.interval(context.now));
        let age = context.auth_age_ms.unwrap_or(i64::MAX);
        let _ = write!(class, "age={}", self.auth_age.interval(age));
        Some(class)
    }

    /// The class of a context, for answers that are made of more decisions than can be made again. A clock that is read in
    /// another way than against literals is told by the minute, and so is what is not understood.
    pub(crate) fn coarse_class_of(&self, context: &RequestContext) -> String {
        self.class_of(context).unwrap_or_else(|| {
            let facts = FACTS.iter().map(|fact| fact_of(context, fact));
            let age = context.auth_age_ms.map(|age| age.div_euclid(MINUTE));
            let facts: Vec<_> = facts.collect();
            format!("{facts:?} {} {age:?}", context.now.div_euclid(MINUTE))
        })
    }

    fn expr(&mut self, expr: &Expr) {
        match expr {
            Expr::Literal(_) | Expr::Slot(_) => {}
            Expr::Var(Var::Context) => self.everything = true,
            Expr::Var(_) => {}
            Expr::GetAttr { expr, attr } => self.attribute_of(expr, attr),
            Expr::HasAttr { expr, attrs } => self.attribute_of(expr, attrs.first()),
            Expr::BinaryOp { op, left, right } => self.binary(*op, left, right),
            Expr::UnaryOp { expr, .. } | Expr::Like { expr, .. } => self.expr(expr),
            Expr::Is { expr, in_expr, .. } => {
                self.expr(expr);
                in_expr.iter().for_each(|inner| self.expr(inner));
            }
            Expr::IfThenElse {
                cond,
                then_expr,
                else_expr,
            } => [cond, then_expr, else_expr]
                .into_iter()
                .for_each(|part| self.expr(part)),
            Expr::Set(items) => items.iter().for_each(|item| self.expr(item)),
            Expr::Record(fields) => fields.values().for_each(|field| self.expr(field)),
            _ => self.everything = true,
        }
    }

    fn binary(&mut self, op: BinaryOp, left: &Expr, right: &Expr) {
        use BinaryOp::{Eq, Greater, GreaterEq, Less, LessEq, NotEq};
        let compares = matches!(op, Eq | NotEq | Less | LessEq | Greater | GreaterEq);
        if compares && (self.threshold(left, right) || self.threshold(right, left)) {
            return;
        }
        self.expr(left);
        self.expr(right);
    }

    /// `context.now` against a moment, `context.auth_age` against a duration.
    fn threshold(&mut self, clock: &Expr, literal: &Expr) -> bool {
        let Expr::GetAttr { expr, attr } = clock else {
            return false;
        };
        if **expr != Expr::Var(Var::Context) {
            return false;
        }
        let (clock, wanted) = match attr.as_str() {
            "now" => (&mut self.now, UnaryOp::Datetime),
            "auth_age" => (&mut self.auth_age, UnaryOp::Duration),
            _ => return false,
        };
        let Some(threshold) = milliseconds(literal, wanted) else {
            return false;
        };
        clock.thresholds.insert(threshold);
        true
    }

    fn attribute_of(&mut self, expr: &Expr, name: &str) {
        match (expr, name) {
            (Expr::Var(Var::Context), "now") => self.now.otherwise = true,
            (Expr::Var(Var::Context), "auth_age") => self.auth_age.otherwise = true,
            (Expr::Var(Var::Context), _) => {
                self.facts.insert(name.to_owned());
            }
            (Expr::Var(Var::Resource), _) => {
                self.attributes.insert(name.to_owned());
            }
            _ => self.expr(expr),
        }
    }
}

impl Clock {
    fn join(&mut self, other: &Self) {
        self.thresholds.extend(&other.thresholds);
        self.otherwise |= other.otherwise;
    }

    /// Where a time stands among the thresholds: behind how many, and on one or between two.
    fn interval(&self, time: i64) -> String {
        let behind = self.thresholds.range(..time).count();
        let on = if self.thresholds.contains(&time) { "on" } else { "" };
        format!("{behind}{on}")
    }
}

/// The value of a fact, `-` for an absent one; `None` for a name that the schema does not know.
fn fact_of(context: &RequestContext, fact: &str) -> Option<String> {
    let optional = |value: &Option<String>| value.as_ref().map_or("-".to_owned(), |value| format!("+{value}"));
    Some(match *FACTS.iter().find(|known| **known == fact)? {
        "client" => context.client.clone(),
        "ip" => context.ip.to_canonical().to_string(),
        "mfa" => context.mfa.to_string(),
        "on_behalf_of" => optional(&context.on_behalf_of),
        "purpose" => optional(&context.purpose),
        "ticket" => optional(&context.ticket),
        "via_view" => optional(&context.via_view),
        "workgroup" => context.workgroup.clone(),
        _ => return None,
    })
}

/// The milliseconds of a literal `datetime("…")` or `duration("…")`, as Cedar itself reads it.
fn milliseconds(literal: &Expr, wanted: UnaryOp) -> Option<i64> {
    let Expr::UnaryOp { op, expr } = literal else {
        return None;
    };
    let Expr::Literal(Literal::String(text)) = &**expr else {
        return None;
    };
    if *op != wanted {
        return None;
    }
    // Quotes and escapes cannot occur in a moment or a duration.
    let plain = |c: char| c.is_ascii_alphanumeric() || "-+:.".contains(c);
    let text = text.chars().all(plain).then_some(text)?;
    let source = match wanted {
        UnaryOp::Datetime => {
            format!("datetime(\"{text}\").durationSince(datetime(\"1970-01-01\")).toMilliseconds()")
        }
        _ => format!("duration(\"{text}\").toMilliseconds()"),
    };
    let expression = Expression::from_str(&source).ok()?;
    let nobody = || resource::tenant().uid();
    let request = CedarRequest::new(nobody(), nobody(), nobody(), Context::empty(), None).ok()?;
    match eval_expression(&request, &Entities::empty(), &expression) {
        Ok(EvalResult::Long(milliseconds)) => Some(milliseconds),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCOPE: &str = "permit(principal, action == Lakegate::Action::\"Select\", resource)";

    fn policy(conditions: &str) -> Policy {
        Policy::from_str(&format!("{SCOPE} {conditions};")).unwrap()
    }

    fn reads(condition: &str) -> Reads {
        Reads::of(&policy(&format!("when {{ {condition} }}")))
    }

    fn context() -> RequestContext {
        RequestContext {
            now: 1_000,
            ip: "10.0.0.1".parse().unwrap(),
            mfa: false,
            auth_age_ms: Some(60_000),
            workgroup: "w".to_owned(),
            client: "rest".to_owned(),
            purpose: None,
            via_view: None,
            on_behalf_of: None,
            ticket: None,
        }
    }

    fn alike(reads: &Reads, other: RequestContext) -> bool {
        reads.class_of(&context()).is_some() && reads.class_of(&context()) == reads.class_of(&other)
    }

    type Change = fn(&mut RequestContext);

    #[test]
    fn only_the_facts_that_are_read_tell_contexts_apart() {
        let changes: &[(&str, Change)] = &[
            ("context.client == \"athena\"", |cx| cx.client = "athena".to_owned()),
            ("context.ip.isLoopback()", |cx| cx.ip = "127.0.0.1".parse().unwrap()),
            ("context.mfa", |cx| cx.mfa = true),
            ("context has on_behalf_of", |cx| cx.on_behalf_of = Some("u".to_owned())),
            ("context has purpose && context.purpose == \"fraud\"", |cx| {
                cx.purpose = Some("fraud".to_owned())
            }),
            ("context has ticket", |cx| cx.ticket = Some("T-1".to_owned())),
            ("context has via_view", |cx| cx.via_view = Some("v".to_owned())),
            ("context.workgroup == Lakegate::Workgroup::\"x\"", |cx| {
                cx.workgroup = "x".to_owned()
            }),
        ];
        assert_eq!(changes.len(), FACTS.len());
        for (at, (condition, _)) in changes.iter().enumerate() {
            let reads = reads(condition);
            for (other, (_, change)) in changes.iter().enumerate() {
                let mut changed = context();
                change(&mut changed);
                assert_eq!(alike(&reads, changed), at != other, "{condition} and change {other}");
            }
        }
    }

    #[test]
    fn a_clock_is_an_interval_between_thresholds() {
        let reads = reads("context.now < datetime(\"1970-01-01T00:00:02Z\") || duration(\"2m\") <= context.auth_age");
        let at = |now, auth_age_ms| RequestContext {
            now,
            auth_age_ms,
            ..context()
        };
        assert!(alike(&reads, at(1_999, Some(119_999))));
        assert!(!alike(&reads, at(2_000, Some(60_000))));
        assert!(!alike(&reads, at(2_001, Some(60_000))));
        assert_ne!(reads.class_of(&at(2_000, None)), reads.class_of(&at(2_001, None)));
        assert!(!alike(&reads, at(1_000, Some(120_000))) && !alike(&reads, at(1_000, None)));
    }

    #[test]
    fn what_is_not_understood_is_never_alike() {
        for condition in [
            "context.now.toTime() < duration(\"6h\")",
            "context.now.offset(duration(\"1h\")) < datetime(\"2026-01-01\")",
            "context.auth_age == context.now.toTime()",
            "{a: context} == {a: context}",
        ] {
            assert_eq!(reads(condition).class_of(&context()), None, "{condition}");
        }
    }

    #[test]
    fn a_coarse_class_tells_every_fact_apart_and_clocks_by_the_minute() {
        let coarse = |reads: &Reads, change: Change| {
            let mut changed = context();
            change(&mut changed);
            reads.coarse_class_of(&context()) == reads.coarse_class_of(&changed)
        };
        let plain = reads("context.mfa");
        assert!(coarse(&plain, |cx| cx.ip = "127.0.0.1".parse().unwrap()));
        assert!(!coarse(&plain, |cx| cx.mfa = true));
        let by_hour = reads("context.now.toTime() < duration(\"6h\")");
        let same: &[Change] = &[|cx| cx.now += 58_000, |cx| cx.auth_age_ms = Some(60_001)];
        let other: &[Change] = &[
            |cx| cx.now += 60_000,
            |cx| cx.auth_age_ms = None,
            |cx| cx.auth_age_ms = Some(120_000),
            |cx| cx.mfa = true,
            |cx| cx.ip = "127.0.0.1".parse().unwrap(),
            |cx| cx.client = "athena".to_owned(),
            |cx| cx.purpose = Some("-".to_owned()),
            |cx| cx.workgroup = "x".to_owned(),
        ];
        assert!(same.iter().all(|change| coarse(&by_hour, *change)));
        assert!(other.iter().all(|change| !coarse(&by_hour, *change)));
    }

    #[test]
    fn values_cannot_imitate_one_another() {
        let mut reads = reads("context has purpose && context has ticket");
        reads.join(&Reads::until(5));
        let two = |purpose: Option<&str>, ticket: Option<&str>| {
            let [purpose, ticket] = [purpose, ticket].map(|text| text.map(str::to_owned));
            reads.class_of(&RequestContext {
                purpose,
                ticket,
                ..context()
            })
        };
        assert_ne!(two(None, Some("x")), two(Some("-"), Some("x")));
        assert_ne!(two(Some("a;ticket=2:+b"), Some("c")), two(Some("a"), Some("b;c")));
        assert_eq!(two(Some("a"), None), two(Some("a"), None));
    }

    #[test]
    fn attributes_of_the_resource_are_known() {
        let both = Reads::of(&policy(
            "when { resource.name == \"x\" } unless { principal.clearance > 1 }",
        ));
        assert!(both.attribute("name") && !both.attribute("dtype") && !both.attribute("clearance"));
        assert!(reads("principal.getTag(resource.dtype).contains(\"x\")").attribute("dtype"));
    }
}
