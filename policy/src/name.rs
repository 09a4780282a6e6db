//! Which objects do the names in a policy mean?
//!
//! Files and the API write names, the store keeps immutable ids (`lake-as-code.md` §3). Only the words of entity literals
//! `Lakegate::Type::"…"` are touched, never strings or comments, so annotations and layout stay as written.

use crate::cedar_text::{Kind, Word, unescape, words};
use crate::model::{MODEL, NAMESPACE};
use crate::nearest::nearest;
use crate::problem::PolicyProblem;
use crate::resource::{POLICY_STORE, TENANT};
use crate::statement::Statement;
use cedar_policy::{Effect, EntityId, EntityUid, Policy};

/// Knows the names of objects. Types come without namespace: `Table`, `Role`.
pub trait NameResolver {
    /// The id of the object that has this name now.
    fn resolve(&self, entity_type: &str, name: &str) -> Option<String>;
    /// The name that the object with this id has now.
    fn name_of(&self, entity_type: &str, id: &str) -> Option<String>;
}

/// Puts ids in place of names. Problems carry line and column of the file.
pub fn resolve_names(statement: &Statement, resolver: &dyn NameResolver) -> Result<String, Vec<PolicyProblem>> {
    let unknown = |kind: &str, name: &str| {
        let remedy = "name an object that exists, or define it in the same lake";
        PolicyProblem::new(format!("unknown name `{name}` of type `{kind}`"), remedy)
    };
    let rename = |kind: &str, name: &str| resolver.resolve(kind, name).ok_or_else(|| unknown(kind, name));
    let resolved = replace(&statement.text, rename)
        .map_err(|problems| -> Vec<_> { problems.into_iter().map(|problem| statement.locate(problem)).collect() })?;
    if agrees(&statement.text, &resolved, rename) {
        return Ok(resolved);
    }
    let problem = PolicyProblem::new(
        "its names cannot be resolved safely",
        "write each name as a plain string literal",
    );
    Err(vec![problem.in_statement(statement)])
}

/// Puts the present names in place of ids, for display. A problem is a dangling policy: its object was dropped.
pub fn show_names(resolved: &str, resolver: &dyn NameResolver) -> Result<String, Vec<PolicyProblem>> {
    let dangling = |kind: &str, id: &str| {
        let remedy = "remove the policy or publish it again with the name of an object that exists";
        PolicyProblem::new(format!("object `{id}` of type `{kind}` is gone"), remedy)
    };
    replace(resolved, |kind, id| {
        resolver.name_of(kind, id).ok_or_else(|| dangling(kind, id))
    })
}

/// Whether a policy names an object that is gone: it was dropped, and one of the same name is another one.
pub fn is_dangling(resolved: &str, resolver: &dyn NameResolver) -> bool {
    show_names(resolved, resolver).is_err()
}

/// Whether a statement permits (and does not forbid). One that cannot be read permits nothing.
pub fn is_permit(resolved: &str) -> bool {
    Policy::parse(None, resolved).is_ok_and(|policy| policy.effect() == Effect::Permit)
}

/// Rewrites the string of every entity literal.
fn replace(
    text: &str,
    rename: impl Fn(&str, &str) -> Result<String, PolicyProblem>,
) -> Result<String, Vec<PolicyProblem>> {
    let all = words(text).map_err(|problem| vec![problem])?;
    let (mut result, mut copied, mut problems) = (String::new(), 0, Vec::new());
    let mut rest = all.as_slice();
    while let [first, tail @ ..] = rest {
        let Some((path, literal, after)) = entity_literal(rest) else {
            rest = tail;
            continue;
        };
        rest = after;
        match renamed(&path, literal, &rename) {
            Ok(None) => {}
            Ok(Some(new)) => {
                result.push_str(text.get(copied..literal.start).unwrap_or(""));
                result.push_str(&format!("\"{}\"", EntityId::new(new).escaped()));
                copied = literal.end();
            }
            Err(problem) => problems.push(problem.at(text, first.start)),
        }
    }
    result.push_str(text.get(copied..).unwrap_or(""));
    if problems.is_empty() { Ok(result) } else { Err(problems) }
}

/// `A :: B :: "x"` at the start of some words: its path, its string and the words after it.
fn entity_literal<'w, 't>(mut rest: &'w [Word<'t>]) -> Option<(Vec<&'t str>, Word<'t>, &'w [Word<'t>])> {
    let mut path = Vec::new();
    loop {
        match rest {
            [name, colons, after @ ..] if name.kind == Kind::Name && colons.kind == Kind::Path => {
                path.push(name.text);
                rest = after;
            }
            [literal, after @ ..] if literal.kind == Kind::Text && !path.is_empty() => {
                return Some((path, *literal, after));
            }
            _ => return None,
        }
    }
}

/// The new string of a literal; none if it stays as it is.
fn renamed(
    path: &[&str],
    literal: Word<'_>,
    rename: &impl Fn(&str, &str) -> Result<String, PolicyProblem>,
) -> Result<Option<String>, PolicyProblem> {
    let kind = match path {
        [namespace, kind] if *namespace == NAMESPACE => *kind,
        [kind] => {
            let message = format!("entity type `{kind}` lacks its namespace");
            return Err(PolicyProblem::new(
                message,
                format!("write `{NAMESPACE}::{kind}::{}`", literal.text),
            ));
        }
        _ => {
            let message = format!("unknown entity type `{}`", path.join("::"));
            return Err(PolicyProblem::new(
                message,
                format!("every type lies in namespace `{NAMESPACE}`"),
            ));
        }
    };
    if !MODEL.knows_type(kind) {
        let remedy = nearest(kind, MODEL.type_names())
            .map_or("see the Cedar schema for the types".to_owned(), |known| {
                format!("write `{NAMESPACE}::{known}`")
            });
        return Err(PolicyProblem::new(
            format!("unknown entity type `{NAMESPACE}::{kind}`"),
            remedy,
        ));
    }
    let name = unescape(literal.text).ok_or_else(|| {
        PolicyProblem::new(
            "the string has an unknown escape",
            "use Cedar's escapes, such as `\\u{e4}`",
        )
    })?;
    new_string(kind, &name, rename)
}

/// The new string of an entity literal of a known type; none if it stays as it is.
fn new_string(
    kind: &str,
    name: &str,
    rename: &impl Fn(&str, &str) -> Result<String, PolicyProblem>,
) -> Result<Option<String>, PolicyProblem> {
    match (kind, name) {
        ("Action", _) | ("Tenant", TENANT) | ("PolicyStore", POLICY_STORE) => Ok(None),
        ("Tenant" | "PolicyStore", _) => {
            let message = format!("there is no `{kind}` named `{name}`");
            Err(PolicyProblem::new(
                message,
                format!("write `{NAMESPACE}::{kind}::\"{TENANT}\"`"),
            ))
        }
        _ => rename(kind, name).map(Some),
    }
}

/// Whether Cedar reads in the new text exactly the entities that it read in the old one, each renamed.
///
/// Our scan finds the places, Cedar's syntax tree has the last word: should the two ever disagree, nothing is published.
fn agrees(old: &str, new: &str, rename: impl Fn(&str, &str) -> Result<String, PolicyProblem>) -> bool {
    let (Ok(old), Ok(new)) = (Policy::parse(None, old), Policy::parse(None, new)) else {
        return false;
    };
    let (old, new) = (old.entity_literals(), new.entity_literals());
    let same = |(old, new): (&EntityUid, &EntityUid)| {
        let name = old.id().unescaped();
        let expected = new_string(old.type_name().basename(), name, &rename).map(|id| id.unwrap_or(name.to_owned()));
        old.type_name() == new.type_name() && expected.is_ok_and(|id| id == new.id().unescaped())
    };
    old.len() == new.len() && old.iter().zip(&new).all(same)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::split_policies;

    /// Ids are the names in capitals; `gone` is unknown.
    struct Shout;

    impl NameResolver for Shout {
        fn resolve(&self, entity_type: &str, name: &str) -> Option<String> {
            (name != "gone").then(|| format!("{}-{}", entity_type.to_uppercase(), name.to_uppercase()))
        }

        fn name_of(&self, entity_type: &str, id: &str) -> Option<String> {
            Some(
                id.strip_prefix(&format!("{}-", entity_type.to_uppercase()))?
                    .to_lowercase(),
            )
        }
    }

    fn one(text: &str) -> Statement {
        split_policies(text).unwrap().remove(0)
    }

    #[test]
    fn only_entity_literals_change() {
        let statement = one(r#"@id("x") @doc("Lakegate::Table::\"t\"")
permit( // Lakegate::Table::"t"
  principal in Lakegate :: Role
    :: "r\"ö", action == Lakegate::Action::"Select", resource in Lakegate::Tenant::"default")
when { resource == Lakegate::PolicyStore::"default" || "Lakegate::Table::x" like "Lakegate::*" && resource is Lakegate::Table };"#);
        let resolved = resolve_names(&statement, &Shout).unwrap();
        assert_eq!(resolved, statement.text.replace(r#""r\"ö""#, r#""ROLE-R\"Ö""#));
        assert_eq!(show_names(&resolved, &Shout).unwrap(), statement.text);
    }

    #[test]
    fn every_problem_has_its_place_in_the_file() {
        let statement = one(
            "// a\n  @id(\"x\") permit(principal == Lakegate::User::\"gone\", action, resource in Table::\"t\") when {\n principal in Lakegate::Rol::\"r\" || resource in Lakegate::Tenant::\"other\" };",
        );
        let problems = resolve_names(&statement, &Shout).unwrap_err();
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "line 2, column 32: policy `x`: unknown name `gone` of type `User`",
                "line 2, column 76: policy `x`: entity type `Table` lacks its namespace",
                "line 3, column 15: policy `x`: unknown entity type `Lakegate::Rol`",
                "line 3, column 49: policy `x`: there is no `Tenant` named `other`",
            ]
        );
        assert_eq!(problems[2].remedy, "write `Lakegate::Role`");
    }

    #[test]
    fn a_text_that_cedar_reads_otherwise_is_not_agreed_to() {
        let rename =
            |kind: &str, name: &str| -> Result<String, PolicyProblem> { Ok(Shout.resolve(kind, name).unwrap()) };
        let text = |id: &str| format!("permit(principal, action, resource in Lakegate::Table::\"{id}\");");
        assert!(agrees(&text("t"), &text("TABLE-T"), rename));
        assert!(!agrees(&text("t"), &text("t"), rename));
        assert!(!agrees(&text("t"), "permit(principal, action, resource);", rename));
        // Our scan would read this escape, Cedar does not.
        let odd = Statement {
            text: text("\\u41}"),
            ..one("@id(\"x\") permit(principal, action, resource);")
        };
        assert_eq!(
            resolve_names(&odd, &Shout).unwrap_err()[0].message,
            "its names cannot be resolved safely"
        );
    }

    #[test]
    fn a_dropped_object_leaves_a_dangling_policy() {
        let problems = show_names(
            "permit(principal, action, resource in Lakegate::Table::\"0198\");",
            &Shout,
        )
        .unwrap_err();
        assert_eq!(problems[0].message, "object `0198` of type `Table` is gone");
    }
}
