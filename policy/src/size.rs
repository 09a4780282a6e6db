//! Is a Cedar text small enough to be read? Its length, and the depth of the tree that it makes, are counted on the words: Cedar
//! walks down its trees, and a stack that overflows takes the whole server with it.

use crate::cedar_text::{Kind, Word, words};
use crate::problem::PolicyProblem;

/// Longest policy, in bytes.
pub const MAX_POLICY_BYTES: usize = 64 * 1024;
/// Most brackets inside one another.
const MAX_NESTING: usize = 50;
/// Most operators above one another, over all levels of brackets.
const MAX_DEPTH: usize = 200;

/// What keeps a text of policies from being read, before anything reads it.
///
/// # Errors
/// The first policy that is too long or too deep, with its place; a string literal that is not closed.
pub fn check_size(text: &str) -> Result<(), PolicyProblem> {
    let all = words(text)?;
    let pieces = all.split_inclusive(|word| word.is(';'));
    pieces
        .map(|piece| too_large(text, piece))
        .try_for_each(|problem| problem.map_or(Ok(()), Err))
}

/// Whether one policy is too long or too deep.
pub(crate) fn too_large(text: &str, piece: &[Word<'_>]) -> Option<PolicyProblem> {
    let (first, last) = (piece.first()?, piece.last()?);
    if last.end() - first.start > MAX_POLICY_BYTES {
        let message = format!("the policy is longer than {MAX_POLICY_BYTES} bytes");
        return Some(PolicyProblem::new(message, "split it into several policies").at(text, first.start));
    }
    too_deep(text, piece)
}

/// Whether the tree of a policy would be too deep.
pub(crate) fn too_deep(text: &str, piece: &[Word<'_>]) -> Option<PolicyProblem> {
    let mut levels = vec![Level::default()];
    let mut before: Option<&Word<'_>> = None;
    for word in piece {
        if is_second_half(before, word) {
            before = None;
            continue;
        }
        step(word, &mut levels);
        before = Some(word);
        let depth: usize = levels.iter().map(|level| level.operators + level.conditions).sum();
        let (what, allowed) = match (levels.len() - 1 > MAX_NESTING, depth > MAX_DEPTH) {
            (true, _) => ("brackets inside one another", MAX_NESTING),
            (_, true) => ("operators above one another", MAX_DEPTH),
            _ => continue,
        };
        let message = format!("the policy has more than {allowed} {what}");
        let remedy = "split it into several policies, or write a set and `contains` or `in` in place of a chain";
        return Some(PolicyProblem::new(message, remedy).at(text, word.start));
    }
    None
}

/// What is open between two brackets.
#[derive(Default)]
struct Level {
    /// Since the last `&&` or `||`, which bind less.
    operators: usize,
    conditions: usize,
}

fn step(word: &Word<'_>, levels: &mut Vec<Level>) {
    if word.is('(') || word.is('[') || word.is('{') {
        levels.push(Level::default());
        return;
    }
    if (word.is(')') || word.is(']') || word.is('}')) && levels.len() > 1 {
        levels.pop();
        return;
    }
    let Some(level) = levels.last_mut() else { return };
    match (word.kind, word.text) {
        (Kind::Sign(',' | ';'), _) => *level = Level::default(),
        (Kind::Sign('&' | '|'), _) => {
            level.operators = 0;
            level.conditions += 1;
        }
        // These bind least: what stands between two of them is inside the first.
        (Kind::Name, "if" | "when" | "unless") => level.conditions += 1,
        (Kind::Name, "has" | "in" | "is" | "like") | (Kind::Sign(_), _) => level.operators += 1,
        _ => {}
    }
}

/// The second sign of `&&`, `||`, `==` and the like.
fn is_second_half(before: Option<&Word<'_>>, word: &Word<'_>) -> bool {
    let Some(before) = before.filter(|before| before.end() == word.start) else {
        return false;
    };
    matches!(
        (before.kind, word.kind),
        (Kind::Sign('&'), Kind::Sign('&'))
            | (Kind::Sign('|'), Kind::Sign('|'))
            | (Kind::Sign('=' | '!' | '<' | '>'), Kind::Sign('='))
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy_set::{PolicySet, PolicyText};
    use crate::request::RequestContext;
    use crate::{Action, Authorizer, Request, resource, split_policies};
    use std::collections::BTreeMap;

    fn policy(condition: &str) -> String {
        format!(
            "@id(\"x\")\npermit(principal, action == Lakegate::Action::\"Select\", resource) when {{ {condition} }};"
        )
    }

    /// Shapes that make a tree as deep as they are long; an `if` counts with the attribute that it asks.
    fn shapes(depth: usize) -> Vec<String> {
        let chain = |item: &str, operator: &str| policy(&vec![item; depth].join(operator));
        vec![
            chain("context.mfa", " && "),
            chain("context.mfa", " || "),
            policy(&format!("{} == 1", vec!["1"; depth].join(" + "))),
            policy(&format!(
                "{}true",
                "if context.mfa then true else ".repeat(depth.div_ceil(2))
            )),
            policy(&format!("context{} == 1", ".mfa".repeat(depth))),
            format!(
                "{} {};",
                policy("true").trim_end_matches(';'),
                "when { context.mfa } ".repeat(depth)
            ),
        ]
    }

    fn nested(depth: usize) -> String {
        policy(&format!("{}context.mfa{}", "(".repeat(depth), ")".repeat(depth)))
    }

    /// With three quarters of the stack that the server's threads have.
    fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
        let thread = std::thread::Builder::new().stack_size(12 * 1024 * 1024);
        thread.spawn(work).unwrap().join().unwrap();
    }

    fn decide(text: &str) {
        let statement = split_policies(text).unwrap().remove(0);
        let text = PolicyText {
            id: statement.id,
            resolved: statement.text,
        };
        // What Cedar's validation says of it is not asked here; that it says something is.
        let Ok(set) = PolicySet::build(&[text], &[]) else {
            return;
        };
        let none = BTreeMap::new();
        let entities = vec![
            resource::user("u", "human", 3, &[], &BTreeMap::new()).unwrap(),
            resource::catalog("c", None, &none).unwrap(),
            resource::database("d", "c", &none).unwrap(),
            resource::table("t", "d", "parquet", "r", &none).unwrap(),
        ];
        let context = RequestContext {
            now: 1_000,
            ip: "192.168.0.1".parse().unwrap(),
            mfa: true,
            auth_age_ms: None,
            workgroup: "w".to_owned(),
            client: "rest".to_owned(),
            purpose: None,
            via_view: None,
            on_behalf_of: None,
            ticket: None,
        };
        let authorizer = Authorizer::new(&set, entities).unwrap();
        let decision = authorizer.decide(&Request {
            principal: "u",
            action: Action::Select,
            resource: resource::uid("Table", "t"),
            context: &context,
        });
        assert!(decision.errors.is_empty(), "{decision:?}");
    }

    #[test]
    fn what_is_let_through_fits_the_stack_of_a_request() {
        on_a_small_stack(|| {
            for text in shapes(MAX_DEPTH - 10) {
                decide(&text);
            }
            decide(&nested(MAX_NESTING - 1));
        });
    }

    #[test]
    fn what_would_overflow_the_stack_is_refused_before_it_is_read() {
        on_a_small_stack(|| {
            for text in shapes(50_000 / 8)
                .into_iter()
                .chain(shapes(MAX_DEPTH + 10))
                .chain([nested(20_000), nested(60)])
            {
                let found = split_policies(&text).unwrap_err();
                let told = &found[0].message;
                assert!(
                    told.contains("the policy has more than") || told.contains("longer than"),
                    "{told}"
                );
                assert!(check_size(&text).is_err());
                let resolved = text.clone();
                assert!(
                    PolicySet::build(
                        &[PolicyText {
                            id: "x".to_owned(),
                            resolved
                        }],
                        &[]
                    )
                    .is_err()
                );
            }
        });
    }

    #[test]
    fn a_policy_may_be_wide() {
        let list = vec!["Lakegate::Role::\"a\""; 2_000].join(", ");
        assert!(split_policies(&policy(&format!("principal in [{list}]"))).is_ok());
        let side_by_side = vec!["[context.mfa && context.mfa || context.mfa].contains(true)"; 150].join(" && ");
        assert!(split_policies(&policy(&side_by_side)).is_ok());
        let many = policy("context.mfa && context.mfa");
        let many: String = (0..1_000)
            .map(|id| many.replace("\"x\"", &format!("\"{id}\"")))
            .collect();
        assert!(split_policies(&many).is_ok());
        let long = policy(&format!("principal.name == \"{}\"", "x".repeat(MAX_POLICY_BYTES)));
        assert!(split_policies(&long).unwrap_err()[0].message.contains("longer than"));
    }
}
